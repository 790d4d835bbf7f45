-- Takes, prolongs or gives up a lease. Keys: the lease, which holds who has it. Request: ["take" or "", who, for how many ms].
-- Reply: whether `who` has it then.
local what, who, lasts_ms = unpack(cmsgpack.unpack(ARGV[1]))
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= who then
  return cmsgpack.pack(false)
end
if what == 'take' then
  redis.call('SET', KEYS[1], who, 'PX', lasts_ms)
  return cmsgpack.pack(true)
end
redis.call('DEL', KEYS[1])
return cmsgpack.pack(false)
