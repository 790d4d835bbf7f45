-- Reads what a consumer has yet to acknowledge, oldest first. Keys: meta, consumers, criticals, places, owed, dead.
-- Request: [consumer, wanted ([[channel, offset], ...]) or false, most bytes].
-- Reply: [seed, [[channel, offset, ms, raw if wanted], ...]].
--#include _fence
--#include _ledger
local consumer, wanted, most_bytes = unpack(cmsgpack.unpack(ARGV[1]))
local keys = {KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]}
local seed = redis.call('HGET', KEYS[1], 'seed') or ''
local found, room = {}, most_bytes
if not wanted then
  for _, number in ipairs(owed_numbers(keys, consumer, -1)) do
    local packed = redis.call('HGET', keys[CRITICALS], text(number))
    if packed then
      local critical = cmsgpack.unpack(packed)
      found[#found + 1] = {critical[1], critical[2], critical[3], ''}
    end
  end
  return cmsgpack.pack({seed, found})
end
for _, one in ipairs(wanted) do
  local number = redis.call('HGET', keys[PLACES], place(one[1], one[2]))
  if number and redis.call('ZSCORE', keys[OWED], slot(consumer, tonumber(number))) then
    local critical = cmsgpack.unpack(redis.call('HGET', keys[CRITICALS], number))
    room = room - #critical[5]
    if room < 0 and #found > 0 then
      break
    end
    found[#found + 1] = {critical[1], critical[2], critical[3], critical[5]}
  end
end
return cmsgpack.pack({seed, found})
