-- Puts a tombstone in the place of the old one and of the members' records; 0 where anything has changed.
-- ARGV: 3 folded members remembered at most, 4 the tombstone, 5 version of the one it was made from, then identifier
-- and number of each member.
local unchanged = version == tonumber(ARGV[5])
for i = 6, #ARGV, 2 do
  unchanged = unchanged and redis.call('HGET', seqs, ARGV[i]) == ARGV[i + 1]
end
if not unchanged then
  settle()
  return 0
end

redis.call('HSET', meta, 'tombstone', ARGV[4], 'tombstone_version', version + 1)
for i = 6, #ARGV, 2 do
  redis.call('HSET', folded_seqs, ARGV[i], ARGV[i + 1])
  redis.call('ZADD', folded, version + 1, ARGV[i])
  redis.call('HDEL', seqs, ARGV[i])
  redis.call('HDEL', records, ARGV[i])
  redis.call('ZREM', seen, ARGV[i])
end
local last = -tonumber(ARGV[3]) - 1
for _, name in ipairs(redis.call('ZRANGE', folded, 0, last)) do
  redis.call('HDEL', folded_seqs, name)
end
redis.call('ZREMRANGEBYRANK', folded, 0, last)
settle()
return 1
