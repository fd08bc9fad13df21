-- Restores what a lost state held, except where something newer is stored.
-- ARGV: 3 the most merged members that are remembered, 4 version of the departed totals, 5 whether there are any, 6 the
-- departed totals, 7 number of their members, 8 number of other totals, then identifier and sequence number of each
-- merged member, identifier, sequence number and totals of each other one, reason and count of evicted entries.
redis.call('HSET', meta, 'restored', now)
local others = 9 + 2 * tonumber(ARGV[7])
local counts = others + 3 * tonumber(ARGV[8])
if tonumber(ARGV[4]) > version then
  redis.call('HSET', meta, 'departed_version', ARGV[4], 'departed', ARGV[6])
  if ARGV[5] ~= '1' then
    redis.call('HDEL', meta, 'departed')
  end
  keep_departed(ARGV[4], 9, others - 1, ARGV[3])
end
for i = others, counts - 1, 3 do
  local stored_seq = whole(seqs, ARGV[i])
  local newer = not stored_seq or tonumber(stored_seq) < tonumber(ARGV[i + 1])
  if newer and redis.call('HEXISTS', merged_seqs, ARGV[i]) == 0 then
    redis.call('HSET', seqs, ARGV[i], ARGV[i + 1])
    redis.call('HSET', totals, ARGV[i], ARGV[i + 2])
    -- Counts as published now, so that a live member has time to publish again.
    redis.call('ZADD', seen, now, ARGV[i])
  end
end
for i = counts, #ARGV, 2 do
  if tonumber(ARGV[i + 1]) > tonumber(whole(evicted, ARGV[i]) or '0') then
    redis.call('HSET', evicted, ARGV[i], ARGV[i + 1])
  end
end
settle()
return 1
