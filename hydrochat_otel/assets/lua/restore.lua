-- Brings back what a lost state held, where nothing newer is kept.
-- ARGV: 3 version of the tombstone, 4 whether there is one, 5 the tombstone, 6 number of records, then identifier,
-- number and record of each member, then reason and count of evicted entries.
redis.call('HSET', meta, 'rebuilt', now)
if tonumber(ARGV[3]) > version then
  redis.call('HSET', meta, 'tombstone_version', ARGV[3], 'tombstone', ARGV[5])
  if ARGV[4] ~= '1' then
    redis.call('HDEL', meta, 'tombstone')
  end
end
local counts = 7 + 3 * tonumber(ARGV[6])
for i = 7, counts - 1, 3 do
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
