-- Reads chosen events of a stream that are still there. Keys: meta, stream.
-- Request: [[offset, ...], most bytes]. Reply: [seed, [[offset, raw, ms, id or false], ...]].
--#include _fence
local offsets, most_bytes = unpack(cmsgpack.unpack(ARGV[1]))
local found, room = {}, most_bytes
for _, offset in ipairs(offsets) do
  local entry = redis.call('XRANGE', KEYS[2], text(offset), text(offset))[1]
  if entry then
    local fields = entry[2]
    room = room - #fields[2]
    if room < 0 and #found > 0 then
      break
    end
    found[#found + 1] = {offset, fields[2], tonumber(fields[4]), fields[8] or false}
  end
end
return cmsgpack.pack({redis.call('HGET', KEYS[1], 'seed') or '', found})
