-- Reads a part of a stream at one moment. Keys: meta, tops, trims, stream.
-- Request: [channel, since or -1, limit, is reverse, most bytes].
-- Reply: [seed, top, trimmed to, is covered, [[offset, raw, ms, id or false], ...]].
--#include _fence
local channel, since, limit, is_reverse, most_bytes = unpack(cmsgpack.unpack(ARGV[1]))
local seed = redis.call('HGET', KEYS[1], 'seed') or ''
local top = tonumber(redis.call('HGET', KEYS[2], channel)) or 0
local trimmed = tonumber(redis.call('HGET', KEYS[3], channel)) or 0
if since >= 0 and (since > top + (is_reverse and 1 or 0) or (not is_reverse and since < trimmed)) then
  return cmsgpack.pack({seed, top, trimmed, false, {}})
end
local first, last = trimmed + 1, top
if since >= 0 then
  if is_reverse then
    last = math.min(last, since - 1)
  else
    first = since + 1
  end
end
local found, room, PART = {}, most_bytes, 250
while first <= last and #found < limit and room > 0 do
  local count = math.min(PART, limit - #found)
  local part
  if is_reverse then
    part = redis.call('XREVRANGE', KEYS[4], text(last), text(first), 'COUNT', count)
  else
    part = redis.call('XRANGE', KEYS[4], text(first), text(last), 'COUNT', count)
  end
  if #part == 0 then
    break
  end
  for _, entry in ipairs(part) do
    local fields, offset = entry[2], tonumber(string.match(entry[1], '^%d+'))
    room = room - #fields[2]
    if room < 0 and #found > 0 then
      break
    end
    found[#found + 1] = {offset, fields[2], tonumber(fields[4]), fields[8] or false}
    if is_reverse then
      last = offset - 1
    else
      first = offset + 1
    end
  end
end
return cmsgpack.pack({seed, top, trimmed, true, found})
