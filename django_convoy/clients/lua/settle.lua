-- ARGV: queue, how many are done, their members of `leases`, how many are not, and of each of
-- those (member, where it goes, note): "r" ready, "b" buried, or microseconds. Then records, see
-- keep.lua: (place of its job among all of these, key, milliseconds, value).
-- Returns "1" or "0" for each job.
local answers, gone, marks = {}, {}, {}
local last = 2 + ARGV[2]
for at = 3, last do
  local member = ARGV[at]
  local held = redis.call('ZREM', leases, member)
  if held == 1 then
    gone[#gone + 1] = id_of(member)
    marks[#marks + 1] = member
  end
  answers[#answers + 1] = held
end
if #gone > 0 then
  with_all('HDEL', jobs, gone)
  if redis.call('EXISTS', notes) == 1 then
    with_all('HDEL', notes, gone)
    with_all('HDEL', notes, marks)
  end
end

local news = false
local from = last + 2
last = last + 1 + 3 * ARGV[last + 1]
for at = from, last, 3 do
  local member, place, note = ARGV[at], ARGV[at + 1], ARGV[at + 2]
  local held = redis.call('ZREM', leases, member)
  if held == 1 then
    local id = id_of(member)
    redis.call('HDEL', notes, member)
    if note == '' then redis.call('HDEL', notes, id) else redis.call('HSET', notes, id, note) end
    if place == 'b' then
      redis.call('ZADD', buried, 0, id)
    elseif place == 'r' then
      put_ready(id)
      news = true
    else
      put_delayed(id, now + place)
    end
  end
  answers[#answers + 1] = held
end
if news then ring() end

for at = last + 1, #ARGV, 4 do
  if answers[tonumber(ARGV[at])] == 1 then keep(ARGV[at + 1], ARGV[at + 2], ARGV[at + 3]) end
end
return table.concat(answers)
