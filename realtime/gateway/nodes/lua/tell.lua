-- Says something to all nodes. Keys: meta, feed. Request: [kind, body, feed bytes]. Reply: seq, or nil where no node has adopted
-- this server yet.
--#include _fence
--#include _feed
local kind, body, most_bytes = unpack(cmsgpack.unpack(ARGV[1]))
if redis.call('HGET', KEYS[1], 'run') ~= run_of_server() then
  return cmsgpack.pack(nil)
end
return cmsgpack.pack(tell(KEYS[1], KEYS[2], kind, body, most_bytes))
