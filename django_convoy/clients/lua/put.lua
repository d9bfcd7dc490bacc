-- Puts jobs where they are not: those that their claim forgot, and those of another broker.
-- ARGV: queue, then (id, place, note, body) of each: "r" ready, "b" buried, so many microseconds
-- from now, or "@" and so many since 1970. A job that is there already stays as it is.
local news = false
for at = 2, #ARGV, 4 do
  local id, place, note = ARGV[at], ARGV[at + 1], ARGV[at + 2]
  if redis.call('HSETNX', jobs, id, ARGV[at + 3]) == 1 then
    if note ~= '' then redis.call('HSET', notes, id, note) end
    if place == 'b' then
      redis.call('ZADD', buried, 0, id)
    elseif place == 'r' then
      put_ready(id)
      news = true
    elseif string.sub(place, 1, 1) == '@' then
      put_delayed(id, tonumber(string.sub(place, 2)))
    else
      put_delayed(id, now + place)
    end
  end
end
if news then ring() end
return 1
