-- Puts a departed in the place of the old one and of the members' totals; 0 where anything has changed.
-- ARGV: 3 merged members remembered at most, 4 the departed, 5 version of the one it was made from, then identifier
-- and number of each member.
local unchanged = version == tonumber(ARGV[5])
for i = 6, #ARGV, 2 do
  unchanged = unchanged and redis.call('HGET', seqs, ARGV[i]) == ARGV[i + 1]
end
if not unchanged then
  settle()
  return 0
end

redis.call('HSET', meta, 'departed', ARGV[4], 'departed_version', version + 1)
keep_departed(version + 1, 6, #ARGV, ARGV[3])
settle()
return 1
