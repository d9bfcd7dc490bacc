-- What the scripts of one queue share. KEYS are those of one queue, all in one slot. ARGV[1] is the
-- queue's full name.
local jobs, ready, suspects, delayed, leases, buried, notes, returned, incoming, wake = unpack(KEYS)
local queue = ARGV[1]
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local HORIZON = 10000000 -- microseconds: whoever sleeps looks again before these are over
local MANY = 1000 -- values that are passed to one command at most
local SWEEP = 500

-- Wakes one of those who wait for this queue. A token stays until somebody takes it, and there is
-- one at most.
local function ring()
  redis.pcall('ZADD', wake, 0, queue) -- whatever stands there, what was done is done
end

-- The time of the first member; nil: there is none.
local function first(key)
  return tonumber(redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')[2])
end

local function soonest()
  local due, lapse = first(delayed), first(leases)
  return due and lapse and math.min(due, lapse) or due or lapse
end

-- A member of `leases` is "id:token".
local function id_of(member)
  return string.sub(member, 1, (string.find(member, ':', 1, true) or 0) - 1)
end

-- Where a job stands among those that are ready: higher priorities first, then by id, that is age.
local function rank(id)
  local body = redis.call('HGET', jobs, id)
  return body and 0 - (tonumber(string.match(body, '^(-?%d+) ')) or 0)
end

-- A note is "attempts lapses suspect {...}".
local function is_suspect(id)
  local note = redis.call('HGET', notes, id)
  return note and string.match(note, '^%d+ %d+ 1')
end

local function put_ready(id)
  local score = rank(id)
  if not score then return redis.call('HDEL', notes, id) end -- nobody knows what it was
  redis.call('ZADD', is_suspect(id) and suspects or ready, score, id)
end

local function put_delayed(id, at)
  redis.call('ZADD', delayed, string.format('%.0f', at), id)
  -- Those who sleep know when to look, unless this comes before all they know of.
  if at < now + HORIZON and redis.call('ZRANGE', delayed, 0, 0)[1] == id then ring() end
end

-- Puts a job where it is not: ready ("r"), buried ("b"), delayed by so many microseconds or, with a
-- "@" in front, to so many since 1970.
local function put(id, place, note, body)
  if redis.call('HSETNX', jobs, id, body) == 0 then return end
  if note ~= '' then redis.call('HSET', notes, id, note) end
  if place == 'b' then
    redis.call('ZADD', buried, 0, id)
  elseif place == 'r' then
    put_ready(id)
    ring()
  elseif string.sub(place, 1, 1) == '@' then
    put_delayed(id, tonumber(string.sub(place, 2)))
  else
    put_delayed(id, now + place)
  end
end

-- Calls a command with as many values as there are.
local function with_all(command, key, values)
  for from = 1, #values, MANY do
    redis.call(command, key, unpack(values, from, math.min(from + MANY - 1, #values)))
  end
end
