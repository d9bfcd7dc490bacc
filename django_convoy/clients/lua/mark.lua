-- ARGV: queue, then (member of `leases`, when its job began) of each.
for at = 2, #ARGV, 2 do
  if redis.call('ZSCORE', leases, ARGV[at]) then redis.call('HSET', notes, ARGV[at], ARGV[at + 1]) end
end
return 1
