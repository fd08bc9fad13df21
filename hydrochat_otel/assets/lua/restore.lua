-- Brings back what a lost state held, where nothing newer is kept.
-- ARGV: 3 folded members remembered at most, 4 version of the tombstone, 5 whether there is one, 6 the tombstone, 7 how
-- many are known to be in it, 8 number of records, then identifier and number of each folded member, identifier, number
-- and record of each other one, reason and count of evicted entries.
redis.call('HSET', meta, 'rebuilt', now)
local others = 9 + 2 * tonumber(ARGV[7])
local counts = others + 3 * tonumber(ARGV[8])
if tonumber(ARGV[4]) > version then
  redis.call('HSET', meta, 'tombstone_version', ARGV[4], 'tombstone', ARGV[6])
  if ARGV[5] ~= '1' then
    redis.call('HDEL', meta, 'tombstone')
  end
  bury(ARGV[4], 9, others - 1, ARGV[3])
end
for i = others, counts - 1, 3 do
  local stored_seq = redis.call('HGET', seqs, ARGV[i])
  local newer = not stored_seq or tonumber(stored_seq) < tonumber(ARGV[i + 1])
  if newer and redis.call('HEXISTS', folded_seqs, ARGV[i]) == 0 then
    redis.call('HSET', seqs, ARGV[i], ARGV[i + 1])
    redis.call('HSET', records, ARGV[i], ARGV[i + 2])
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
