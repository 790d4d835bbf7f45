-- Uses the server this runs in from now on: under another seed, so that every stream has another epoch, since what was told of
-- the old ones may not be there any more. `is_whole`: all is there up to the tops that there was under the seed before.
local FORKS_KEPT = 16

local function adopt(meta, feed, tops, forks, now_ms, seed, is_whole)
  local known = redis.call('HMGET', meta, 'term', 'lineage', 'generation', 'was')
  local term = math.max((tonumber(known[1]) or 0) + 1, now_ms)
  local generation = (tonumber(known[3]) or 0) + 1
  if known[4] then
    -- Where ways part: a node that comes with a copy of the seed before knows by this what it has beyond.
    local at = {}
    if is_whole then
      local all = redis.call('HGETALL', tops)
      for number = 1, #all, 2 do
        at[all[number]] = tonumber(all[number + 1])
      end
    end
    redis.call('HSET', forks, known[4], cmsgpack.pack(at))
    redis.call('HSET', forks, 'generation ' .. text(generation), known[4])
    local old = 'generation ' .. text(generation - FORKS_KEPT)
    local gone = redis.call('HGET', forks, old)
    if gone then
      redis.call('HDEL', forks, old, gone)
    end
  end
  redis.call(
    'HSET', meta, 'run', run_of_server(), 'seed', seed, 'term', text(term), 'seq', 0, 'lineage', known[2] or seed,
    'generation', text(generation)
  )
  redis.call('HDEL', meta, 'refill', 'was', 'filler')
  redis.call('XADD', feed, text(term) .. '-0', 'k', 'anew', 'b', '')
  return {'new', seed, term, 0, false}
end
