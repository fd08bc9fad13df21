-- Applies a publication, trims the window, and answers.
-- ARGV: 3 the most entries, 4 their greatest age in seconds, 5 seconds until a member is silent, 6 version of the
-- departed totals that the caller has, 7 whether to read; and, with a publication: 8 member, 9 its sequence number,
-- 10 whether it leaves, 11 whether it has totals, 12 the totals, then end and text of each entry.
local reads, member = ARGV[7] == '1', ARGV[8]
local merged_seq, kept_seq = false, false

if member then
  merged_seq = redis.call('HGET', merged_seqs, member)
  kept_seq = redis.call('HGET', seqs, member)
  local taken = kept_seq or ARGV[11] == '1'
  if not merged_seq and not (kept_seq and tonumber(ARGV[9]) <= tonumber(kept_seq)) then
    for i = 13, #ARGV, 2 do
      redis.call('ZADD', entries, 'NX', ARGV[i], ARGV[i + 1])
    end
    if taken then
      redis.call('HSET', seqs, member, ARGV[9])
    end
    if ARGV[11] == '1' then
      redis.call('HSET', totals, member, ARGV[12])
    end
  end
  if not merged_seq and taken then
    redis.call('ZADD', seen, ARGV[10] == '1' and '-inf' or now, member)
  end
end

local gone = {
  age = redis.call('ZREMRANGEBYSCORE', entries, '-inf', now - tonumber(ARGV[4])),
  capacity = redis.call('ZREMRANGEBYRANK', entries, 0, -tonumber(ARGV[3]) - 1),
}
for reason, count in pairs(gone) do
  if count > 0 then
    redis.call('HINCRBY', evicted, reason, count)
  end
end
settle()

local silent = {}
for _, name in ipairs(redis.call('ZRANGEBYSCORE', seen, '-inf', now - tonumber(ARGV[5]))) do
  silent[#silent + 1] = name
  silent[#silent + 1] = redis.call('HGET', seqs, name)
end
local made, restored = redis.call('HGET', meta, 'made'), redis.call('HGET', meta, 'restored')
return {
  redis.call('HGET', meta, 'store_id'),
  string.format('%.6f', now - made),
  restored and string.format('%.6f', now - restored),
  merged_seq,
  kept_seq,
  version,
  version ~= tonumber(ARGV[6]) and redis.call('HGET', meta, 'departed'),
  redis.call('ZCARD', seen) - #silent / 2,
  silent,
  reads and redis.call('HGETALL', totals),
  reads and redis.call('ZRANGE', entries, 0, -1),
  reads and redis.call('HGETALL', evicted),
}
