-- ARGV: queue, lease in microseconds, members of `leases`. Returns "1" or "0" for each.
redis.call('ZREM', leases, '') -- no change; without memory a script may write that has written
local answers, until_ = {}, string.format('%.0f', now + ARGV[2])
for at = 3, #ARGV do
  local held = redis.call('ZSCORE', leases, ARGV[at])
  if held then redis.call('ZADD', leases, until_, ARGV[at]) end
  answers[#answers + 1] = held and '1' or '0'
end
return table.concat(answers)
