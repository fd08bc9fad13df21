-- Replaces the departed totals and removes the merged members' own; returns 0 if anything has changed.
-- ARGV: 3 the most merged members that are remembered, 4 the departed totals, 5 version of those they were made from,
-- then identifier and sequence number of each member.
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
