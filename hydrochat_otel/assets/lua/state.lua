-- The beginning of each script: the keys, the time, and a check that makes a new state unless this one is complete.
-- ARGV: 1 identifier of a new state, 2 seconds to keep it.
local meta, evicted, totals, seqs, seen, entries, merged, merged_seqs = unpack(KEYS)
local KINDS = {'hash', 'hash', 'hash', 'hash', 'zset', 'zset', 'zset', 'hash'}
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000

-- Returns a number of the bookkeeping; nil if it is missing or is not a number.
local function number(field)
  return tonumber(redis.call('HGET', meta, field) or '')
end

-- Returns a whole number of a hash as text, which may be too long for a number of Lua; '0' if it is anything else, and
-- false if it is missing.
local function whole(key, field)
  local found = redis.call('HGET', key, field)
  return found and (found:match('^%d+$') or '0')
end

-- Returns the numbers of the keys that exist; Redis removes a key with its last element.
local function present()
  local found = ''
  for number, key in ipairs(KEYS) do
    local kind = redis.call('TYPE', key).ok
    if kind == KINDS[number] then
      found = found .. number
    elseif kind ~= 'none' then
      error('WRONGTYPE ' .. key)
    end
  end
  return found
end

-- A Redis that is short of memory may evict any key, and another program may write to it; the rest is then no state.
local complete = redis.call('HGET', meta, 'present') == present() and number('made') and number('departed_version')
if not (complete and redis.call('HEXISTS', meta, 'store_id') == 1) then
  redis.call('HSET', meta, 'store_id', ARGV[1], 'made', now, 'departed_version', 0)
  redis.call('HDEL', meta, 'restored', 'departed')
  redis.call('DEL', unpack(KEYS, 2))
end

-- A server that was restarted, or replaced another, may have lost its last moments. Until all members have published
-- again, its contents count as restored.
local run = tostring(redis.pcall('INFO', 'server')):match('run_id:(%x+)')
local known_run = redis.call('HGET', meta, 'run')
if run and run ~= known_run then
  redis.call('HSET', meta, 'run', run)
  if known_run then
    redis.call('HSET', meta, 'restored', now)
  end
end

local function settle()
  redis.call('HSET', meta, 'present', present())
  for _, key in ipairs(KEYS) do
    redis.call('EXPIRE', key, ARGV[2])
  end
end

local version = number('departed_version')

-- Records members as merged in the departed totals of that version: identifier and sequence number of each, from one
-- argument to another.
local function keep_departed(departed_version, first, last, remembered)
  for i = first, last, 2 do
    redis.call('HSET', merged_seqs, ARGV[i], ARGV[i + 1])
    redis.call('ZADD', merged, departed_version, ARGV[i])
    redis.call('HDEL', seqs, ARGV[i])
    redis.call('HDEL', totals, ARGV[i])
    redis.call('ZREM', seen, ARGV[i])
  end
  local oldest = -tonumber(remembered) - 1
  for _, name in ipairs(redis.call('ZRANGE', merged, 0, oldest)) do
    redis.call('HDEL', merged_seqs, name)
  end
  redis.call('ZREMRANGEBYRANK', merged, 0, oldest)
end
