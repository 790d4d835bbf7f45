-- Puts back what this server has lost, from a node's copy, at the very offsets; only the node that was chosen may, while it keeps
-- being heard of. Keys: meta, feed, filler, tops, forks, offers, dups, trims, counts, folds, judged, notes, refusals, consumers,
-- criticals, places, owed, dead, then stream, documents, ids, gone of the channel that it is about.
-- Request: [node, lease in ms, op, ...]. Reply: whether it is still this node that fills.
--#include _fence
--#include _judging
--#include _ledger
--#include _documents
--#include _adopt
local meta, feed, filler, tops, forks, offers = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local dups, trims, counts, folds = KEYS[7], KEYS[8], KEYS[9], KEYS[10]
local ledger = {KEYS[14], KEYS[15], KEYS[16], KEYS[17], KEYS[18]}
local request = cmsgpack.unpack(ARGV[1])
local node, lease_ms, op = request[1], request[2], request[3]
if redis.call('GET', filler) ~= node or redis.call('HGET', meta, 'refill') ~= run_of_server() then
  return cmsgpack.pack(false)
end
redis.call('HSET', meta, 'filling', node)  -- and find out by it, before anything else, whether there is room
redis.call('SET', filler, node, 'PX', lease_ms)

local function state_of(name)
  return {
    name = name, stream = KEYS[19], documents = KEYS[20], ids = KEYS[21], gone = KEYS[22], count = 0,
    top = tonumber(redis.call('HGET', tops, name)) or 0,
  }
end

local ops = {}

-- Nothing that is here is of use: [seed, lineage, generation, term] are those of what comes.
function ops.begin(seed, lineage, generation, term)
  redis.call('DEL', tops, forks, feed, dups, trims, counts, folds)
  redis.call('DEL', unpack(KEYS, 11, 18))
  redis.call(
    'HSET', meta, 'was', seed, 'lineage', lineage, 'generation', text(generation), 'term', text(term), 'seq', 0, 'feed_bytes', 0
  )
end

-- A channel that begins anew.
function ops.wipe(name)
  redis.call('DEL', KEYS[19], KEYS[20], KEYS[21], KEYS[22])
  for _, key in ipairs({tops, trims, counts}) do
    redis.call('HDEL', key, name)
  end
end

-- Documents whose events aren't retained: [[id, offset, document], ...].
function ops.documents(name, trimmed, documents)
  local state = state_of(name)
  for _, one in ipairs(documents) do
    local version = version_of(state, one[1])
    if not version or version < one[2] then
      change_document(state, one[1], 1, one[2], one[3])
    end
  end
  redis.call('HINCRBY', counts, name, state.count)
  redis.call('HSET', trims, name, text(trimmed))
  redis.call('HSET', tops, name, text(math.max(state.top, trimmed)))
end

-- Events: [[offset, ms, duplicate key, id or false, 0 | 1 put | 2 delete, document, raw, is owed], ...].
function ops.events(name, events, now_ms, critical_kept, letters_kept)
  local state, criticals = state_of(name), {}
  for _, event in ipairs(events) do
    local offset, ms, key, id, kind, document, raw, is_owed = unpack(event)
    if offset > state.top then
      state.top = offset
      local place_in_stream, at = text(offset), text(ms)
      if id then
        local version = version_of(state, id)
        local before = version
        if not version or version < offset then
          before = change_document(state, id, kind, offset, document)
        end
        redis.call(
          'XADD', state.stream, place_in_stream .. '-0', 'r', raw, 't', at, 'k', key, 'd', id,
          'p', before and text(before) or '0'
        )
      else
        redis.call('XADD', state.stream, place_in_stream .. '-0', 'r', raw, 't', at, 'k', key)
      end
      redis.call('HSET', dups, key, place_in_stream .. ' ' .. at .. ' ' .. name)
      if is_owed then
        criticals[#criticals + 1] = {name, offset, ms, raw}
      end
    end
  end
  redis.call('HSET', tops, name, text(state.top))
  redis.call('HINCRBY', counts, name, state.count)
  if #criticals > 0 then
    ledger.letters_kept = letters_kept
    owe(ledger, meta, criticals, critical_kept, now_ms, {})
  end
end

function ops.folds(rows)
  for _, fold in ipairs(rows) do
    local kept = redis.call('HGET', folds, fold[1])
    if not kept or tonumber(string.match(kept, '^%d+')) < fold[2] then
      redis.call('HSET', folds, fold[1], text(fold[2]) .. ' ' .. fold[3])
    end
  end
end

-- The small tables as lua/side.lua has packed them.
function ops.side(packed)
  local side = cmsgpack.unpack(packed)
  redis.call('DEL', unpack(KEYS, 11, 18))
  redis.call('HSET', meta, 'refusals', side[1], 'criticals', side[2])
  for at = 3, 11 do
    local key = KEYS[at + 8]
    if at == 11 then
      key = forks
    end
    if at == 5 or at == 10 then
      for _, entry in ipairs(side[at]) do
        redis.call('XADD', key, entry[1], 'b', entry[2])
      end
    elseif at == 9 then
      for _, member in ipairs(side[at]) do
        redis.call('ZADD', key, 0, member)
      end
    else
      in_parts('HSET', key, side[at])
    end
  end
end

-- What was judged since, in order; after the events, so that it is known how far there is something to judge.
function ops.judgements(all)
  for _, packed in ipairs(all) do
    keep_judgement(KEYS[11], KEYS[12], tops, cmsgpack.unpack(packed))
  end
end

function ops.finish(now_ms, seed, is_whole)
  redis.call('DEL', filler, offers)
  redis.call('HDEL', meta, 'filling')
  adopt(meta, feed, tops, forks, now_ms, seed, is_whole)
end

ops[op](unpack(request, 4))
return cmsgpack.pack(true)
