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
bury(version + 1, 6, #ARGV, ARGV[3])
settle()
return 1
