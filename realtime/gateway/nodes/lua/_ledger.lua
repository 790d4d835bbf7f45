-- Who has yet to acknowledge which critical event. `consumers`: name -> seen (ms). `criticals`: number -> [channel, offset,
-- ms, waiting, raw]. `places`: "offset channel" -> number. `owed`: "consumer\0number", by name. `dead`: a stream, by number.
local CONSUMERS, CRITICALS, PLACES, OWED, DEAD = 1, 2, 3, 4, 5

local function slot(consumer, number)
  return consumer .. '\0' .. string.format('%016.0f', number)
end

local function range_of(consumer)
  return '[' .. consumer .. '\0', '(' .. consumer .. '\1'
end

local function place(channel, offset)
  return text(offset) .. ' ' .. channel
end

local function owed_numbers(keys, consumer, count)
  local first, last = range_of(consumer)
  local numbers = {}
  for _, member in ipairs(redis.call('ZRANGEBYLEX', keys[OWED], first, last, 'LIMIT', 0, count)) do
    numbers[#numbers + 1] = tonumber(string.sub(member, #consumer + 2))
  end
  return numbers
end

-- Owes a consumer one no more; returns it, or nil if it wasn't owed.
local function settle(keys, consumer, number)
  if redis.call('ZREM', keys[OWED], slot(consumer, number)) == 0 then
    return nil
  end
  local packed = redis.call('HGET', keys[CRITICALS], text(number))
  if not packed then
    return nil
  end
  local critical = cmsgpack.unpack(packed)
  critical[4] = critical[4] - 1
  if critical[4] <= 0 then
    redis.call('HDEL', keys[CRITICALS], text(number))
    redis.call('HDEL', keys[PLACES], place(critical[1], critical[2]))
  else
    redis.call('HSET', keys[CRITICALS], text(number), cmsgpack.pack(critical))
  end
  return critical
end

-- Moves the oldest `count` (-1: all) that a consumer is owed to the dead letters, and says so in `buried`:
-- [consumer, reason, channel, offset]. `keys.letters_kept` bounds the letters.
local function bury(keys, consumer, count, reason, now_ms, buried)
  for _, number in ipairs(owed_numbers(keys, consumer, count)) do
    local critical = settle(keys, consumer, number)
    if critical then
      local letter = cmsgpack.pack({now_ms, critical[3], consumer, critical[1], critical[2], reason, critical[5]})
      local last = redis.call('XREVRANGE', keys[DEAD], '+', '-', 'COUNT', 1)
      local next_number = last[1] and tonumber(string.match(last[1][1], '^%d+')) + 1 or 1
      redis.call('XADD', keys[DEAD], 'MAXLEN', keys.letters_kept, text(next_number) .. '-0', 'b', letter)
      buried[#buried + 1] = {consumer, reason, critical[1], critical[2]}
    end
  end
end

-- Owes all consumers the critical events that are being stored: [channel, offset, ms, raw], ...
local function owe(keys, meta, criticals, kept, now_ms, buried)
  local consumers = redis.call('HKEYS', keys[CONSUMERS])
  if #consumers == 0 then
    return
  end
  for _, one in ipairs(criticals) do
    local number = redis.call('HINCRBY', meta, 'criticals', 1)
    redis.call('HSET', keys[CRITICALS], text(number), cmsgpack.pack({one[1], one[2], one[3], #consumers, one[4]}))
    redis.call('HSET', keys[PLACES], place(one[1], one[2]), text(number))
    for _, consumer in ipairs(consumers) do
      redis.call('ZADD', keys[OWED], 0, slot(consumer, number))
    end
  end
  for _, consumer in ipairs(consumers) do
    local first, last = range_of(consumer)
    local over = redis.call('ZLEXCOUNT', keys[OWED], first, last) - kept
    if over > 0 then
      bury(keys, consumer, over, 'overflow', now_ms, buried)
    end
  end
end
