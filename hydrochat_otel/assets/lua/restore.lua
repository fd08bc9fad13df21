-- Brings back what a lost state held, where nothing newer is kept.
-- ARGV: 3 merged members remembered at most, 4 version of the departed, 5 whether there is one, 6 the departed, 7 how
-- many are known to be in it, 8 number of totals, then identifier and number of each merged member, identifier, number
-- and totals of each other one, reason and count of evicted entries.
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
  local stored_seq = redis.call('HGET', seqs, ARGV[i])
  local newer = not stored_seq or tonumber(stored_seq) < tonumber(ARGV[i + 1])
  if newer and redis.call('HEXISTS', merged_seqs, ARGV[i]) == 0 then
    redis.call('HSET', seqs, ARGV[i], ARGV[i + 1])
    redis.call('HSET', totals, ARGV[i], ARGV[i + 2])
    -- As heard of now: whoever lives is given the time to say so.
    redis.call('ZADD', seen, now, ARGV[i])
  end
end
for i = counts, #ARGV, 2 do
  if tonumber(ARGV[i + 1]) > tonumber(redis.call('HGET', evicted, ARGV[i]) or 0) then
    redis.call('HSET', evicted, ARGV[i], ARGV[i + 1])
  end
end
settle()
return 1
