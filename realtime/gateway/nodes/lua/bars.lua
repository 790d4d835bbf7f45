-- Keeps what is out, and what was lifted. Keys: meta, feed, bars. Request: [now in s, [row, ...], [field, ...] maybe over, feed bytes, are fresh];
-- a row: [kind, name, at, until or 0, is lifted]. Of each thing the later row holds; of two at one moment, the one that bars. What is
-- fresh was done just now, so it is later than what is known, whatever clocks say.
-- Reply: the rows it has taken in, or nil where no node has adopted this server yet.
--#include _fence
--#include _feed
local meta, feed, bars = KEYS[1], KEYS[2], KEYS[3]
local now, rows, over, most_bytes, are_fresh = unpack(cmsgpack.unpack(ARGV[1]))
if redis.call('HGET', meta, 'run') ~= run_of_server() then
  return cmsgpack.pack(nil)
end

local function is_over(row)
  return row[4] > 0 and row[4] < now
end

local function is_later(row, known)
  return row[3] > known[3] or (row[3] == known[3] and known[5] and not row[5])
end

for _, field in ipairs(over) do
  local packed = redis.call('HGET', bars, field)
  if packed and is_over(cmsgpack.unpack(packed)) then
    redis.call('HDEL', bars, field)
  end
end

local taken = {}
for _, row in ipairs(rows) do
  local field = row[1] .. ':' .. row[2]
  local packed = redis.call('HGET', bars, field)
  local known = packed and cmsgpack.unpack(packed)
  if known and are_fresh and row[5] ~= known[5] then
    row[3] = math.max(row[3], known[3] + 0.001)
  end
  if not is_over(row) and (not known or is_later(row, known)) then
    redis.call('HSET', bars, field, cmsgpack.pack(row))
    taken[#taken + 1] = row
  end
end
if #taken > 0 then
  tell(meta, feed, 'bars', cmsgpack.pack(taken), most_bytes)
end
return cmsgpack.pack(taken)
