-- Reads the retained events of one document, newest first: each knows the one before it.
-- Keys: meta, tops, trims, stream, documents, gone. Request: [channel, id, before or -1, limit, most bytes].
-- Reply: [seed, top, trimmed to, [[offset, raw, ms, id], ...]].
--#include _fence
local channel, id, before, limit, most_bytes = unpack(cmsgpack.unpack(ARGV[1]))
local seed = redis.call('HGET', KEYS[1], 'seed') or ''
local top = tonumber(redis.call('HGET', KEYS[2], channel)) or 0
local trimmed = tonumber(redis.call('HGET', KEYS[3], channel)) or 0

local function entry_at(offset)
  return redis.call('XRANGE', KEYS[4], text(offset), text(offset))[1]
end

local kept = redis.call('HGET', KEYS[5], id)
local at = kept and tonumber(string.match(kept, '^%d+')) or tonumber(redis.call('HGET', KEYS[6], id)) or 0
if before >= 0 and before <= at then
  -- Who reads page by page asks from one of its own events on.
  local entry = entry_at(before)
  if entry and entry[2][8] == id then
    at = tonumber(entry[2][10])
  end
end
local found, room = {}, most_bytes
while at > trimmed and #found < limit do
  local entry = entry_at(at)
  if not entry then
    break
  end
  local fields = entry[2]
  if before < 0 or at < before then
    room = room - #fields[2]
    if room < 0 and #found > 0 then
      break
    end
    found[#found + 1] = {at, fields[2], tonumber(fields[4]), id}
  end
  at = tonumber(fields[10])
end
return cmsgpack.pack({seed, top, trimmed, found})
