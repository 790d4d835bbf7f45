-- Adopts the server this runs in, if no node has yet. Who finds that it is another run than before, or empty, begins a round:
-- nodes offer what their copies hold, and where one holds more than the server, that is put back first (fill.lua). Until then
-- there is neither run nor seed: nobody writes, nobody reads.
-- Keys: meta, feed, tops, forks, offers, gathering, filler. Request: [now in ms, seed, node, offer or false, how long to wait for
-- offers in ms, how long a filler may be silent in ms]. An offer: [was following, is complete, lineage, generation, seed, seq].
-- Reply: [known | new | waiting | fill, seed, term, seq, the seed that what is there was stored under or false].
--#include _fence
--#include _adopt
local meta, feed, tops, forks, offers, gathering, filler = unpack(KEYS)
local now_ms, seed, node, offer, gather_ms, lease_ms = unpack(cmsgpack.unpack(ARGV[1]))
local run = run_of_server()
local known = redis.call('HMGET', meta, 'run', 'seed', 'term', 'seq')
if known[1] == run then
  return cmsgpack.pack({'known', known[2], tonumber(known[3]), tonumber(known[4]), false})
end

if redis.call('HGET', meta, 'refill') ~= run then
  redis.call('HSET', meta, 'refill', run)
  redis.call('DEL', offers, gathering, filler)
  redis.call('HDEL', meta, 'run', 'filler')
  if known[2] then
    redis.call('HSET', meta, 'was', known[2])
    redis.call('HDEL', meta, 'seed')
  end
  if gather_ms > 0 then
    redis.call('SET', gathering, '1', 'PX', gather_ms)
  end
end

local was, lineage, generation, seq, last = unpack(redis.call('HMGET', meta, 'was', 'lineage', 'generation', 'seq', 'filler'))
generation, seq = tonumber(generation) or 0, tonumber(seq) or 0
local filling = redis.call('GET', filler)
if last and not filling then
  redis.call('HDEL', offers, last)  -- it was silent for too long; if it is this one it offers again
end
if offer then
  redis.call('HSET', offers, node, cmsgpack.pack(offer))
end
local waiting = {'waiting', '', 0, 0, was}
if filling then
  return cmsgpack.pack(filling == node and {'fill', '', 0, seq, was} or waiting)
end
if redis.call('GET', gathering) then
  return cmsgpack.pack(waiting)
end

local function has_more(one)
  if not was then
    return true
  end
  if one[3] ~= lineage then
    return false
  end
  return one[4] > generation or (one[4] == generation and one[5] == was and one[6] > seq)
end

local function is_better(one, other)
  for _, at in ipairs({1, 2}) do
    if one[at] ~= other[at] then
      return one[at]
    end
  end
  if one[4] ~= other[4] then
    return one[4] > other[4]
  end
  return one[6] > other[6]
end

local best, best_node
local all = redis.call('HGETALL', offers)
for at = 1, #all, 2 do
  local one = cmsgpack.unpack(all[at + 1])
  if has_more(one) and (not best or is_better(one, best)) then
    best, best_node = one, all[at]
  end
end
if best then
  redis.call('SET', filler, best_node, 'PX', lease_ms)
  redis.call('HSET', meta, 'filler', best_node)
  return cmsgpack.pack(best_node == node and {'fill', '', 0, seq, was} or waiting)
end
redis.call('DEL', offers)
return cmsgpack.pack(adopt(meta, feed, tops, forks, now_ms, seed, true))
