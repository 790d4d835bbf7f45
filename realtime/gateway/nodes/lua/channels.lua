-- Reads all channels at one moment. Keys: meta, tops, trims, counts, folds.
-- Reply: [run is adopted, seed, term, seq, [[channel, top, trimmed to, documents], ...], [[inbox, folded to], ...], lineage,
-- generation].
--#include _fence
local known = redis.call('HMGET', KEYS[1], 'run', 'seed', 'term', 'seq', 'lineage', 'generation')
local trims, counts = {}, {}
for number, into in ipairs({trims, counts}) do
  local pairs_of = redis.call('HGETALL', KEYS[2 + number])
  for at = 1, #pairs_of, 2 do
    into[pairs_of[at]] = tonumber(pairs_of[at + 1])
  end
end
local channels, folded = {}, {}
local tops = redis.call('HGETALL', KEYS[2])
for at = 1, #tops, 2 do
  local name = tops[at]
  channels[#channels + 1] = {name, tonumber(tops[at + 1]), trims[name] or 0, counts[name] or 0}
end
local folds = redis.call('HGETALL', KEYS[5])
for at = 1, #folds, 2 do
  folded[#folded + 1] = {folds[at], tonumber(string.match(folds[at + 1], '^%d+'))}
end
return cmsgpack.pack({
  known[1] == run_of_server(), known[2] or '', tonumber(known[3]) or 0, tonumber(known[4]) or 0, channels, folded,
  known[5] or '', tonumber(known[6]) or 0,
})
