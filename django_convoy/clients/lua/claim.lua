-- ARGV: queue, limit, lease in microseconds (0: forget what is claimed), token, suspects (ask, yes,
-- no), spare. Returns {-1}: there are suspects, ask; {0, microseconds until something falls due or
-- -1}: nothing; {1, ids, bodies, notes or nothing}.
local limit, lease, token, mode, spare = tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4], ARGV[5], ARGV[6] == '1'

-- Of an idle queue none of these is there.
local quiet = redis.call('EXISTS', delayed, leases, suspects, notes) == 0

local due = not quiet and first(delayed)
if due and due <= now then
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', delayed, '-inf', now, 'LIMIT', 0, SWEEP)) do
    redis.call('ZREM', delayed, id)
    put_ready(id)
  end
  due = first(delayed)
end
local lapse = not quiet and first(leases)
if lapse and lapse <= now and not spare then
  for _, member in ipairs(redis.call('ZRANGEBYSCORE', leases, '-inf', now, 'LIMIT', 0, SWEEP)) do
    local id = id_of(member)
    local attempts, lapses, rest = string.match(redis.call('HGET', notes, id) or '0 0 0 ', '^(%d+) (%d+) %d (.*)$')
    redis.call('ZREM', leases, member)
    redis.call('HDEL', notes, member)
    redis.call('HSET', notes, id, string.format('%d %d 1 %s', (attempts or 0) + 1, (lapses or 0) + 1, rest or ''))
    put_ready(id)
  end
  lapse = first(leases)
end

local popped
if not quiet and mode ~= 'no' and redis.call('EXISTS', suspects) == 1 then
  if mode == 'ask' then return {-1} end
  popped = redis.call('ZPOPMIN', suspects)
else
  popped = redis.call('ZPOPMIN', ready, limit)
end
if #popped == 0 then
  local next = due and lapse and math.min(due, lapse) or due or lapse
  return {0, next and math.max(0, next - now) or -1}
end

local ids, held, until_ = {}, {}, string.format('%.0f', now + lease)
for at = 1, #popped, 2 do
  local id = popped[at]
  ids[#ids + 1] = id
  held[#held + 1] = until_
  held[#held + 1] = id .. ':' .. token
end
local bodies = redis.call('HMGET', jobs, unpack(ids))
local known = not quiet and redis.call('EXISTS', notes) == 1 and redis.call('HMGET', notes, unpack(ids)) or {}
if lease > 0 then
  with_all('ZADD', leases, held)
else
  with_all('HDEL', jobs, ids)
  with_all('HDEL', notes, ids)
end
-- Another one is to look after what is left, and after what falls due while we are at work.
if (due and due < now + HORIZON) or redis.call('EXISTS', ready, suspects) > 0 then ring() end
return {1, ids, bodies, known}
