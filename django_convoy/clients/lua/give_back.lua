-- Jobs that their claim forgot. ARGV: queue, then (member as of `leases`, place, note, body) of each,
-- see put(). Each claim may give a job back once: both a worker and whoever takes a job from it say
-- so, and the job may have been run by another in between.
local HOUR = 3600
local answers = {}
redis.call('ZREMRANGEBYSCORE', returned, '-inf', string.format('%.0f', now - HOUR * 1000000))
for at = 2, #ARGV, 4 do
  local first = redis.call('ZADD', returned, 'NX', string.format('%.0f', now), ARGV[at])
  if first == 1 then put(id_of(ARGV[at]), ARGV[at + 1], ARGV[at + 2], ARGV[at + 3]) end
  answers[#answers + 1] = first
end
redis.call('EXPIRE', returned, HOUR)
return table.concat(answers)
