-- Changes documents. A state names the keys `documents`, `ids` and `gone` of a channel; `count` is by how many there are more.
local function version_of(state, id)
  local kept = redis.call('HGET', state.documents, id)
  return kept and tonumber(string.match(kept, '^%d+')) or nil
end

local function change_document(state, id, kind, offset, document)
  -- Returns the offset of the event before this one about the same document, for its history.
  local before = version_of(state, id)
  if kind == 1 then
    if not before then
      before = tonumber(redis.call('HGET', state.gone, id))
      if before then
        redis.call('HDEL', state.gone, id)
      end
      redis.call('ZADD', state.ids, 0, id)
      state.count = state.count + 1
    end
    redis.call('HSET', state.documents, id, text(offset) .. ' ' .. document)
    return before
  end
  if before then
    redis.call('HDEL', state.documents, id)
    redis.call('ZREM', state.ids, id)
    state.count = state.count - 1
  else
    before = tonumber(redis.call('HGET', state.gone, id))
  end
  redis.call('HSET', state.gone, id, text(offset))
  return before
end
