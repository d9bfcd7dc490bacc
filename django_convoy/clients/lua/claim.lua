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

local ids, bodies, known, stored = {}, {}, {}, false
local function pop(key, most)
  local popped = redis.call('ZPOPMIN', key, most)
  for at = 1, #popped, 2 do ids[#ids + 1] = popped[at] end
  if #ids == 0 then return end
  stored = true
  bodies = redis.call('HMGET', jobs, unpack(ids))
  if not quiet and redis.call('EXISTS', notes) == 1 then known = redis.call('HMGET', notes, unpack(ids)) end
end

-- Where nothing waits in front of those that came they are in order already.
local function take_incoming()
  local entries, names, texts = redis.call('LRANGE', incoming, 0, limit - 1), {}, {}
  if #entries == 0 then return false end
  for at, entry in ipairs(entries) do names[at], texts[at] = split(entry) end
  local there = redis.call('HLEN', jobs) > 0 and redis.call('HMGET', jobs, unpack(names)) or {}
  local taken, held = {}, {}
  for at, id in ipairs(names) do
    if not there[at] and not taken[id] then
      taken[id] = true
      ids[#ids + 1], bodies[#bodies + 1] = id, texts[at]
      held[#held + 1] = id
      held[#held + 1] = texts[at]
    end
  end
  redis.call('LTRIM', incoming, #entries, -1) -- first, as in absorb()
  if lease > 0 then with_all('HSET', jobs, held) end
  return true
end

-- How many of those that came are to be put in order, so that the first of all are: none more than
-- are wanted, and once all that are ready are older, no more than make up for these. Of a job that
-- was said again the one that came is no younger than the one that is ready: it is seen first.
local function needed()
  local last, head = redis.call('ZRANGE', ready, -1, -1, 'WITHSCORES'), redis.call('LINDEX', incoming, 0)
  if not head then return 0 end
  local score = tonumber(last[2])
  if score > 0 or (score == 0 and last[1] >= split(head)) then return limit end
  return limit - redis.call('ZCARD', ready)
end

if not quiet and mode ~= 'no' and redis.call('EXISTS', suspects) == 1 then
  if mode == 'ask' then return {-1} end
  pop(suspects, 1)
elseif redis.call('ZCARD', ready) > 0 then
  local most = needed()
  if most > 0 then absorb(most) end
  pop(ready, limit)
else
  while #ids == 0 and take_incoming() do end
end
if #ids == 0 then
  local next = due and lapse and math.min(due, lapse) or due or lapse
  return {0, next and math.max(0, next - now) or -1}
end

if lease > 0 then
  local held, until_ = {}, string.format('%.0f', now + lease)
  for at, id in ipairs(ids) do
    held[2 * at - 1] = until_
    held[2 * at] = id .. ':' .. token
  end
  with_all('ZADD', leases, held)
elseif stored then
  with_all('HDEL', jobs, ids)
  with_all('HDEL', notes, ids)
end
-- Another one is to look after what is left, and after what falls due while we are at work.
if (due and due < now + HORIZON) or redis.call('EXISTS', incoming, ready, suspects) > 0 then ring() end
return {1, ids, bodies, known}
