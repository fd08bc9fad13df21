-- Applies a publication, trims the window, and answers.
-- ARGV: 3 the most entries, 4 their greatest age in seconds, 5 seconds until a member is silent, 6 version of the
-- departed totals that the caller has, 7 whether to read; and, with a publication: 8 member, 9 its sequence number,
-- 10 whether it leaves, 11 whether it has totals, 12 the totals, then end and text of each entry.
local reads, member = ARGV[7] == '1', ARGV[8]
local merged_seq, kept_seq = false, false

if member then
  merged_seq = whole(merged_seqs, member)
  kept_seq = whole(seqs, member)
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

-- Whether the clock jumped ahead or no process ran cannot be told apart; both are a gap between two exchanges. For the
-- time to live after it, entries that the clock calls expired are left out below, and deleted only to make room.
local ttl_s, most = tonumber(ARGV[4]), tonumber(ARGV[3])
local clock, doubted = number('clock') or now, number('doubted') or 0
if now - clock >= CLOCK_GAP_S then
  doubted = now + ttl_s
elseif clock - now >= CLOCK_GAP_S then
  doubted = 0
end
redis.call('EXPIRE', meta, ARGV[2])  -- After a write that needs no memory, a full Redis allows those that need some.
redis.call('HSET', meta, 'clock', now, 'doubted', doubted)

local kept = redis.call('ZCARD', entries)
local expired = redis.call('ZCOUNT', entries, '-inf', now - ttl_s)
if now < doubted then
  expired = math.max(0, math.min(expired, kept - most))
end
local gone = { age = expired, capacity = math.max(0, kept - expired - most) }
for reason, count in pairs(gone) do
  if count > 0 then
    redis.call('ZREMRANGEBYRANK', entries, 0, count - 1)
    if whole(evicted, reason) == '0' then
      redis.call('HDEL', evicted, reason)
    end
    redis.call('HINCRBY', evicted, reason, count)
  end
end
settle()

-- A time in the future was written before the clock was set back; it is as old as its distance.
local silent, silent_after_s = {}, tonumber(ARGV[5])
local ranges = { { '-inf', now - silent_after_s } }
if silent_after_s > 0 then
  ranges[2] = { now + silent_after_s, '+inf' }
end
for _, range in ipairs(ranges) do
  for _, name in ipairs(redis.call('ZRANGEBYSCORE', seen, range[1], range[2])) do
    silent[#silent + 1] = name
    local seq = whole(seqs, name) or '0'
    redis.call('HSET', seqs, name, seq)  -- what a merge compares with
    silent[#silent + 1] = seq
  end
end
local made, restored = number('made'), number('restored')
return {
  redis.call('HGET', meta, 'store_id'),
  string.format('%.6f', math.abs(now - made)),
  restored and string.format('%.6f', math.abs(now - restored)) or false,
  merged_seq,
  kept_seq,
  version,
  version ~= tonumber(ARGV[6]) and redis.call('HGET', meta, 'departed'),
  redis.call('ZCARD', seen) - #silent / 2,
  silent,
  reads and redis.call('HGETALL', totals),
  reads and redis.call('ZRANGEBYSCORE', entries, '(' .. string.format('%.17g', now - ttl_s), '+inf'),
  reads and redis.call('HGETALL', evicted),
}
