-- What consumers do: meet, acknowledge, tend. Keys: meta, consumers, criticals, places, owed, dead.
-- Request: [letters kept, most consumers, op, now in ms, ...]. Reply: [what the op found, buried], or nil where no node has adopted this server yet.
--#include _fence
--#include _ledger
local request = cmsgpack.unpack(ARGV[1])
local op, now_ms = request[3], request[4]
local meta = KEYS[1]
local keys = {KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6], letters_kept = request[1]}
local MOST_CONSUMERS = request[2]
if redis.call('HGET', meta, 'run') ~= run_of_server() then
  return cmsgpack.pack(nil)
end
local buried = {}

local function set_of(names)
  local found = {}
  for _, name in ipairs(names) do
    found[name] = true
  end
  return found
end

-- Forgets the consumer longest unseen, if it was last seen before a moment and isn't present.
local function forget_one(present, before_ms)
  local seen = redis.call('HGETALL', keys[CONSUMERS])
  local oldest, oldest_ms
  for at = 1, #seen, 2 do
    local ms = tonumber(seen[at + 1])
    if not present[seen[at]] and ms < before_ms and (not oldest or ms < oldest_ms) then
      oldest, oldest_ms = seen[at], ms
    end
  end
  if not oldest then
    return false
  end
  bury(keys, oldest, -1, 'forgotten', now_ms, buried)
  redis.call('HDEL', keys[CONSUMERS], oldest)
  return true
end

local function meet(consumer, present)
  if redis.call('HEXISTS', keys[CONSUMERS], consumer) == 0 then
    while redis.call('HLEN', keys[CONSUMERS]) >= MOST_CONSUMERS and forget_one(present, math.huge) do
    end
    if redis.call('HLEN', keys[CONSUMERS]) >= MOST_CONSUMERS then
      return false
    end
  end
  redis.call('HSET', keys[CONSUMERS], consumer, text(now_ms))
  return true
end

local function acknowledge(consumer, places)
  local settled = {}
  if redis.call('HEXISTS', keys[CONSUMERS], consumer) == 0 then
    return settled
  end
  for _, one in ipairs(places) do
    local number = redis.call('HGET', keys[PLACES], place(one[1], one[2]))
    local critical = number and settle(keys, consumer, tonumber(number))
    if critical then
      settled[#settled + 1] = {critical[1], critical[2], critical[3]}
    end
  end
  redis.call('HSET', keys[CONSUMERS], consumer, text(now_ms))
  return settled
end

local function tend(present, before_ms)
  for _, name in ipairs(present) do
    if redis.call('HEXISTS', keys[CONSUMERS], name) == 1 then
      redis.call('HSET', keys[CONSUMERS], name, text(now_ms))
    end
  end
  while forget_one(set_of(present), before_ms) do
  end
  return true
end

local found
if op == 'meet' then
  found = meet(request[5], set_of(request[6]))
elseif op == 'acknowledge' then
  found = acknowledge(request[5], request[6])
else
  found = tend(request[5], request[6])
end
return cmsgpack.pack({found, buried})
