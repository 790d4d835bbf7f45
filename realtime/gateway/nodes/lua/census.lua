-- Writes who is connected to a node, or has it forgotten. Keys: nodes, clients; both by node.
-- Request: [node, summary or "", clients or "", only if the summary is this, or ""]. No summary: the node is forgotten.
-- Reply: whether the node's clients are there then.
local node, summary, clients, only = unpack(cmsgpack.unpack(ARGV[1]))
if only ~= '' and redis.call('HGET', KEYS[1], node) ~= only then
  return cmsgpack.pack(false)
end
if summary == '' then
  redis.call('HDEL', KEYS[1], node)
  redis.call('HDEL', KEYS[2], node)
  return cmsgpack.pack(false)
end
redis.call('HSET', KEYS[1], node, summary)
if clients ~= '' then
  redis.call('HSET', KEYS[2], node, clients)
end
return cmsgpack.pack(redis.call('HEXISTS', KEYS[2], node) == 1)
