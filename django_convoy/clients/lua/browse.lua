-- ARGV: queue, limit, states..., or: queue, "id", id. Returns rows of (state, id, body or nothing,
-- note, time in microseconds, member of `leases`, when it began); {{}}: it is in no set,
-- and may be among those that came.
local rows = {}
local function add(state, id, at, member)
  rows[#rows + 1] = {
    state, id, redis.call('HGET', jobs, id), redis.call('HGET', notes, id) or '', at or '',
    member or '', member and redis.call('HGET', notes, member) or ''
  }
end

if ARGV[2] == 'id' then
  local id = ARGV[3]
  if redis.call('HEXISTS', jobs, id) == 0 then
    return redis.call('EXISTS', incoming) == 1 and {{}} or rows
  end
  local due = redis.call('ZSCORE', delayed, id)
  if due then
    add('delayed', id, due)
  elseif redis.call('ZSCORE', ready, id) then
    add('ready', id)
  elseif redis.call('ZSCORE', suspects, id) then
    add('suspect', id)
  elseif redis.call('ZSCORE', buried, id) then
    add('buried', id)
  else
    local held = redis.call('ZRANGE', leases, 0, -1, 'WITHSCORES')
    for at = 1, #held, 2 do
      if id_of(held[at]) == id then add('leased', id, held[at + 1], held[at]) end
    end
  end
  return rows
end

local limit = tonumber(ARGV[2])
local function by_rank(state, key)
  local score = redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')[2]
  while score do
    for _, id in ipairs(redis.call('ZRANGEBYSCORE', key, score, score, 'LIMIT', 0, limit)) do add(state, id) end
    score = redis.call('ZRANGEBYSCORE', key, '(' .. score, '+inf', 'WITHSCORES', 'LIMIT', 0, 1)[2]
  end
end
for at = 3, #ARGV do
  local state = ARGV[at]
  if state == 'ready' then
    absorb(limit)
    by_rank(state, ready)
  elseif state == 'suspect' then
    by_rank(state, suspects)
  elseif state == 'delayed' then
    local found = redis.call('ZRANGE', delayed, 0, limit - 1, 'WITHSCORES')
    for each = 1, #found, 2 do add(state, found[each], found[each + 1]) end
  elseif state == 'buried' then
    for _, id in ipairs(redis.call('ZRANGE', buried, 0, limit - 1)) do add(state, id) end
  elseif state == 'leased' then
    local found = redis.call('ZRANGE', leases, 0, -1, 'WITHSCORES')
    for each = 1, #found, 2 do add(state, id_of(found[each]), found[each + 1], found[each]) end
  end
end
return rows
