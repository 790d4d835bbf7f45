-- The feed is what all nodes follow. It is bounded; who has fallen out of it reads the streams.
local function tell(meta, feed, kind, body, most_bytes)
  local term = redis.call('HGET', meta, 'term')
  local seq = redis.call('HINCRBY', meta, 'seq', 1)
  redis.call('XADD', feed, term .. '-' .. text(seq), 'k', kind, 'b', body)
  local kept = redis.call('HINCRBY', meta, 'feed_bytes', #body)
  while kept > most_bytes do
    local first = redis.call('XRANGE', feed, '-', '+', 'COUNT', 2)
    if #first < 2 then
      break
    end
    redis.call('XDEL', feed, first[1][1])
    kept = redis.call('HINCRBY', meta, 'feed_bytes', 0 - #first[1][2][4])
  end
  return seq
end
