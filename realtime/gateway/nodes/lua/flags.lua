-- Switches flags, and puts back what a node remembers and Redis has lost. Keys: meta, feed, flags.
-- Request: [[row, ...] remembered, [[name, percent, at, by, why, before], ...] wanted, feed bytes]; a row: [number, and the same].
-- Of each flag the row with the highest number holds. Reply: all rows, or nil where no node has adopted this server yet.
--#include _fence
--#include _feed
local meta, feed, flags = KEYS[1], KEYS[2], KEYS[3]
local remembered, wanted, most_bytes = unpack(cmsgpack.unpack(ARGV[1]))
if redis.call('HGET', meta, 'run') ~= run_of_server() then
  return cmsgpack.pack(nil)
end

local rows, top, is_changed = {}, 0, false
for _, packed in ipairs(redis.call('HVALS', flags)) do
  local row = cmsgpack.unpack(packed)
  rows[row[2]] = row
end

local function keep(row)
  local known = rows[row[2]]
  if not known or row[1] > known[1] then
    rows[row[2]] = row
    redis.call('HSET', flags, row[2], cmsgpack.pack(row))
    is_changed = true
  end
end

for _, row in ipairs(remembered) do
  keep(row)
end
for _, row in pairs(rows) do
  top = math.max(top, row[1])
end
for number, change in ipairs(wanted) do
  keep({top + number, unpack(change)})
end

local all = {}
for _, row in pairs(rows) do
  all[#all + 1] = row
end
if is_changed then
  tell(meta, feed, 'flags', cmsgpack.pack(all), most_bytes)
end
return cmsgpack.pack(all)
