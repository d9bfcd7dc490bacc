-- ARGV: queue, then (id, where it goes, note, body) of each job that was forgotten by its claim:
-- "r" ready, "b" buried, or microseconds.
local news = false
for at = 2, #ARGV, 4 do
  local id, place, note = ARGV[at], ARGV[at + 1], ARGV[at + 2]
  redis.call('HSET', jobs, id, ARGV[at + 3])
  if note ~= '' then redis.call('HSET', notes, id, note) end
  if place == 'b' then
    redis.call('ZADD', buried, 0, id)
  elseif place == 'r' then
    put_ready(id)
    news = true
  else
    put_delayed(id, now + place)
  end
end
if news then ring() end
return 1
