-- Adopts the server this runs in, if no node has yet: gives every stream another epoch, since what was told of the old
-- ones may not be there any more. Keys: meta, feed. Request: [now in ms, seed]. Reply: [adopted, seed, term, seq, is empty].
--#include _fence
local meta, feed = KEYS[1], KEYS[2]
local now_ms, seed = unpack(cmsgpack.unpack(ARGV[1]))
local run = run_of_server()
local known = redis.call('HMGET', meta, 'run', 'seed', 'term', 'seq')
if known[1] == run then
  return cmsgpack.pack({false, known[2], tonumber(known[3]), tonumber(known[4])})
end
local term = math.max((tonumber(known[3]) or 0) + 1, now_ms)
redis.call('HSET', meta, 'run', run, 'seed', seed, 'term', text(term), 'seq', 0)
redis.call('XADD', feed, text(term) .. '-0', 'k', 'anew', 'b', '')
return cmsgpack.pack({true, seed, term, 0})
