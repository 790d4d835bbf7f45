-- Takes permits from a sliding window. Keys: the window, a hash [index, here, before]. Request: [now in ms, window in ms, most, wanted,
-- at least]. Reply: [given, before, here]: as many as wanted and there is room for, or none where that is less than at least.
local now, window, most, wanted, least = unpack(cmsgpack.unpack(ARGV[1]))
local index = math.floor(now / window)
local kept = redis.call('HMGET', KEYS[1], 'index', 'here', 'before')
local known = tonumber(kept[1]) or index
local here, before = tonumber(kept[2]) or 0, tonumber(kept[3]) or 0
if index > known then
  here, before = 0, index == known + 1 and here or 0
else
  index = known  -- another node's clock is ahead: its window is everybody's
end
local share = 1 - math.max(0, math.min(1, (now - index * window) / window))
local room = most - math.floor(before * share + here)
local given = math.min(wanted, room)
if given < least then
  return cmsgpack.pack({0, before, here})
end
redis.call('HSET', KEYS[1], 'index', string.format('%.0f', index), 'here', here + given, 'before', before)
redis.call('PEXPIRE', KEYS[1], 2 * window)
return cmsgpack.pack({given, before, here + given})
