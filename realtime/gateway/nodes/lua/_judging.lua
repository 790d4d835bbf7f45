-- Keeps how far channels were judged for notices, and what judging remembers: [{channel: offset}, {note: value}, [note that is gone]].
-- How far only rises, but where a channel has lost its newest; what is beyond its top was judged of data that isn't there any more.
local AT_ONCE = 1000

local function in_parts(command, key, values)
  for at = 1, #values, AT_ONCE do
    redis.call(command, key, unpack(values, at, math.min(at + AT_ONCE - 1, #values)))
  end
end

local function keep_judgement(judged, notes, tops, judgement)
  for channel, offset in pairs(judgement[1]) do
    local kept, top = tonumber(redis.call('HGET', judged, channel)), tonumber(redis.call('HGET', tops, channel)) or 0
    if offset <= top and (not kept or offset > kept or kept > top) then
      redis.call('HSET', judged, channel, text(offset))
    end
  end
  for name, value in pairs(judgement[2]) do
    redis.call('HSET', notes, name, value)
  end
  in_parts('HDEL', notes, judgement[3])
end
