-- Stores what a node has gathered, in one go: for each event its document, its place in the channel's stream with an offset,
-- and a word to all nodes. Keys: meta, feed, dups, tops, trims, counts, folds, judged, notes, refusals, consumers, criticals,
-- places, owed, dead, the notifier's lease, then stream, documents, ids, gone of each channel.
-- Request: [now in ms, [[channel, retention, is inbox], ...], [[expected or false, [event, ...]], ...], along or nil,
-- [refusal, ...], [node, number, refusals kept, critical kept, feed bytes, letters kept]]. An event: [channel's number, duplicate key, id or false,
-- 0 | 1 put | 2 delete, document, is critical, raw]. Along: [[inbox, offset, fold], ...], {channel: offset}, {note: value}, [gone].
-- Reply: nil where no node has adopted this server yet, or [seq, seed, [[1, [[channel, offset, ms, is repeat], ...]] | [0, [], version or none], ...], buried,
-- has told]; seq is where the feed is then, told or not.
--#include _fence
--#include _feed
--#include _judging
--#include _ledger
local meta, feed, dups, tops, trims, counts, folds = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6], KEYS[7]
local judged, notes, refusals = KEYS[8], KEYS[9], KEYS[10]
local ledger = {KEYS[11], KEYS[12], KEYS[13], KEYS[14], KEYS[15]}
local lease = KEYS[16]
local FIRST, EACH = 17, 4
local now_ms, channels, appends, along, refused, bounds = unpack(cmsgpack.unpack(ARGV[1]))
local now = text(now_ms)

if redis.call('HGET', meta, 'run') ~= run_of_server() then
  return cmsgpack.pack(nil)
end

redis.call('HSET', meta, 'written', now)  -- and find out by it, before anything else, whether there is room

local states, told, criticals = {}, {}, {}

-- Reads fields of a hash into a table, as numbers: all that is looked up is asked for at once, since each call costs.
local function look_up(key, fields, into, read)
  for at = 1, #fields, AT_ONCE do
    local last = math.min(at + AT_ONCE - 1, #fields)
    for number, value in ipairs(redis.call('HMGET', key, unpack(fields, at, last))) do
      into[fields[at + number - 1]] = value and read(value) or false
    end
  end
end

local function first_number(value)
  return tonumber(string.match(value, '^%d+'))
end

local function place_of(known)
  local offset, ms, name = string.match(known, '^(%d+) (%d+) (.*)$')
  return {name, tonumber(offset), tonumber(ms), true}
end

-- A channel as it is and will be. Of each document in question: `versions`, at which offset it is, false if it isn't there;
-- `last`, at which offset the last event about it is, be it a deletion; `puts`, what to write, false to remove it.
for number, channel in ipairs(channels) do
  local at = FIRST + (number - 1) * EACH
  states[number] = {
    name = channel[1], stream = KEYS[at], documents = KEYS[at + 1], ids = KEYS[at + 2], gone = KEYS[at + 3],
    top = tonumber(redis.call('HGET', tops, channel[1])) or 0, added = 0, asked = {}, wanted = {},
    versions = {}, last = {}, puts = {},
  }
end

local places, keys_asked = {}, {}
for _, append in ipairs(appends) do
  for _, event in ipairs(append[2]) do
    local state, id = states[event[1]], event[3]
    keys_asked[#keys_asked + 1] = event[2]
    if id and not state.wanted[id] then
      state.wanted[id] = true
      state.asked[#state.asked + 1] = id
    end
  end
end
look_up(dups, keys_asked, places, place_of)
for _, state in ipairs(states) do
  look_up(state.documents, state.asked, state.versions, first_number)
  if #state.asked > 0 and redis.call('HLEN', state.gone) > 0 then
    look_up(state.gone, state.asked, state.last, first_number)
  end
  for id, version in pairs(state.versions) do
    state.last[id] = version or state.last[id] or false
  end
end

local fresh = {}

local function store(event)
  local number, key, id, kind, document, is_critical, raw = unpack(event)
  if places[key] then
    return places[key]
  end
  local state = states[number]
  local offset = state.top + 1
  state.top, state.added = offset, state.added + 1
  local at = text(offset)
  if id then
    local before = state.last[id]
    redis.call(
      'XADD', state.stream, at .. '-0', 'r', raw, 't', now, 'k', key, 'd', id, 'p', before and text(before) or '0'
    )
    state.last[id] = offset
    state.puts[id] = kind == 1 and at .. ' ' .. document
    state.versions[id] = kind == 1 and offset
  else
    redis.call('XADD', state.stream, at .. '-0', 'r', raw, 't', now, 'k', key)
  end
  fresh[#fresh + 1] = key
  fresh[#fresh + 1] = at .. ' ' .. now .. ' ' .. state.name
  told[#told + 1] = {state.name, offset, now_ms, raw}
  if is_critical then
    criticals[#criticals + 1] = {state.name, offset, now_ms, raw}
  end
  places[key] = {state.name, offset, now_ms, true}
  return {state.name, offset, now_ms, false}
end

local function conflict(append)
  -- A repeat is answered before its expectation is looked at: who lost the answer asks again.
  local expected, event = append[1], append[2][1]
  if expected == false or not event or not event[3] or places[event[2]] then
    return nil
  end
  local actual = states[event[1]].versions[event[3]]
  if (actual or 0) ~= expected then
    return {0, {}, actual or nil}
  end
  return nil
end

-- Writes what became of a channel's documents; returns by how many there are more.
local function write_documents(state)
  local put, come, removed, gone, back = {}, {}, {}, {}, {}
  for id, value in pairs(state.puts) do
    if value then
      put[#put + 1], put[#put + 2] = id, value
      come[#come + 1], come[#come + 2] = '0', id
      back[#back + 1] = id
    else
      removed[#removed + 1] = id
      gone[#gone + 1], gone[#gone + 2] = id, text(state.last[id])
    end
  end
  local before = redis.call('ZCARD', state.ids)
  in_parts('HSET', state.documents, put)
  in_parts('ZADD', state.ids, come)
  in_parts('HDEL', state.documents, removed)
  in_parts('ZREM', state.ids, removed)
  in_parts('HSET', state.gone, gone)
  in_parts('HDEL', state.gone, back)
  return redis.call('ZCARD', state.ids) - before
end

local SWEEP = 64

local function trim(state, retention, is_inbox)
  -- Of an inbox only what a fold holds may go.
  local upto = state.top - retention
  if is_inbox then
    local fold = redis.call('HGET', folds, state.name)
    upto = math.min(upto, fold and tonumber(string.match(fold, '^%d+')) or 0)
  end
  local trimmed = tonumber(redis.call('HGET', trims, state.name)) or 0
  if upto > trimmed then
    trimmed = upto
    redis.call('HSET', trims, state.name, text(trimmed))
  end
  state.trimmed = trimmed
  if trimmed == 0 then
    return
  end
  local first = redis.call('XRANGE', state.stream, '-', '+', 'COUNT', 1)[1]
  if not first or trimmed - tonumber(string.match(first[1], '^%d+')) + 1 < SWEEP then
    return
  end
  local has_gone = redis.call('HLEN', state.gone) > 0
  local last, keys = 0, {}
  for _, entry in ipairs(redis.call('XRANGE', state.stream, '-', text(trimmed), 'COUNT', 4 * state.added + SWEEP)) do
    local offset, fields = string.match(entry[1], '^%d+'), entry[2]
    keys[#keys + 1] = fields[6]
    if has_gone and fields[8] and redis.call('HGET', state.gone, fields[8]) == offset then
      redis.call('HDEL', state.gone, fields[8])
    end
    last = tonumber(offset)
  end
  in_parts('HDEL', dups, keys)
  redis.call('XTRIM', state.stream, 'MINID', text(last + 1))
end

local results = {}
for number, append in ipairs(appends) do
  local result = conflict(append)
  if not result then
    local stored = {}
    for at, event in ipairs(append[2]) do
      stored[at] = store(event)
    end
    result = {1, stored}
  end
  results[number] = result
end

local folded = {}
if along then
  for _, fold in ipairs(along[1]) do
    local kept = redis.call('HGET', folds, fold[1])
    if not kept or tonumber(string.match(kept, '^%d+')) < fold[2] then
      redis.call('HSET', folds, fold[1], text(fold[2]) .. ' ' .. fold[3])
      folded[#folded + 1] = {fold[1], fold[2]}
    end
  end
end

local touched = {}
in_parts('HSET', dups, fresh)
for number, state in ipairs(states) do
  if state.added > 0 then
    redis.call('HSET', tops, state.name, text(state.top))
    local count = redis.call('HINCRBY', counts, state.name, write_documents(state))
    trim(state, channels[number][2], channels[number][3])
    touched[#touched + 1] = {state.name, state.top, state.trimmed, count}
  end
end

-- A node that was stopped or cut off may not know yet that another one judges now, and has gone on from there.
local judgement = ''
local leader = along and redis.call('GET', lease)
if along and (not leader or leader == bounds[1]) and (next(along[2]) or next(along[3]) or #along[4] > 0) then
  local one = {along[2], along[3], along[4]}
  keep_judgement(judged, notes, tops, one)
  judgement = cmsgpack.pack(one)
end

if #refused > 0 then
  for _, refusal in ipairs(refused) do
    local number = redis.call('HINCRBY', meta, 'refusals', 1)
    redis.call('XADD', refusals, 'MAXLEN', bounds[3], text(number) .. '-0', 'b', refusal)
  end
end

local buried = {}
if #criticals > 0 then
  ledger.letters_kept = bounds[6]
  owe(ledger, meta, criticals, bounds[4], now_ms, buried)
end

local has_told = #told > 0 or #folded > 0 or judgement ~= ''
if has_told then
  tell(meta, feed, 'events', cmsgpack.pack({bounds[1], bounds[2], told, touched, folded, judgement}), bounds[5])
end
local known = redis.call('HMGET', meta, 'seq', 'seed')
return cmsgpack.pack({tonumber(known[1]), known[2], results, buried, has_told})
