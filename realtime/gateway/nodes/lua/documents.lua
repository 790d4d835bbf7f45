-- Reads a part of a collection's documents by id, and the position they are of. Keys: meta, tops, documents, ids.
-- Request: [channel, after, limit, most bytes]. Reply: [seed, top, ["offset document", ...], last id read or false, has more].
--#include _fence
local channel, after, limit, most_bytes = unpack(cmsgpack.unpack(ARGV[1]))
local seed = redis.call('HGET', KEYS[1], 'seed') or ''
local top = tonumber(redis.call('HGET', KEYS[2], channel)) or 0
local found, last, room, has_more, PART = {}, false, most_bytes, false, 250
local from = after == '' and '-' or '(' .. after
while not has_more do
  local ids = redis.call('ZRANGEBYLEX', KEYS[4], from, '+', 'LIMIT', 0, PART)
  if #ids == 0 then
    break
  end
  for number, kept in ipairs(redis.call('HMGET', KEYS[3], unpack(ids))) do
    room = room - #kept
    if #found >= limit or (room < 0 and #found > 0) then
      has_more = true
      break
    end
    found[#found + 1] = kept
    last = ids[number]
  end
  from = '(' .. (last or ids[#ids])
  if #ids < PART then
    break
  end
end
return cmsgpack.pack({seed, top, found, last, has_more})
