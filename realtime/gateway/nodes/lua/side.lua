-- Reads the small tables for a copy, if they have changed. Keys: meta, tops, judged, notes, refusals, consumers, criticals, places,
-- owed, dead, forks. Request: [token]. Reply: [token, seed, seq, {channel: top}, what lua/fill.lua takes back]; the last two are empty
-- where the token is still that.
--#include _fence
local meta = KEYS[1]
local known = redis.call('HMGET', meta, 'seed', 'seq', 'refusals', 'criticals', 'written')
local token = table.concat({
  known[1] or '', known[3] or '', known[4] or '', known[5] or '', redis.call('ZCARD', KEYS[9]),
  redis.call('HLEN', KEYS[6]), redis.call('XLEN', KEYS[10]),
}, ' ')
if token == cmsgpack.unpack(ARGV[1])[1] then
  return cmsgpack.pack({token, known[1] or '', tonumber(known[2]) or 0, {}, ''})
end
local tops, flat = {}, redis.call('HGETALL', KEYS[2])
for at = 1, #flat, 2 do
  tops[#tops + 1] = {flat[at], tonumber(flat[at + 1])}
end
local side = {known[3] or '0', known[4] or '0'}
for at = 3, 11 do
  if at == 5 or at == 10 then
    local entries = {}
    for _, entry in ipairs(redis.call('XRANGE', KEYS[at], '-', '+')) do
      entries[#entries + 1] = {entry[1], entry[2][2]}
    end
    side[at] = entries
  elseif at == 9 then
    side[at] = redis.call('ZRANGEBYLEX', KEYS[at], '-', '+')
  else
    side[at] = redis.call('HGETALL', KEYS[at])
  end
end
return cmsgpack.pack({token, known[1] or '', tonumber(known[2]) or 0, tops, cmsgpack.pack(side)})
