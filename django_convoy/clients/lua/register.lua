-- KEYS: the register, and where those wait who serve every queue: they learn of one that is new.
-- ARGV: queue, or: queue, when it was written there: forget it, unless it was written again.
if ARGV[2] then
  if tonumber(redis.call('ZSCORE', KEYS[1], ARGV[1])) == tonumber(ARGV[2]) then
    redis.call('ZREM', KEYS[1], ARGV[1])
  end
elseif redis.call('ZADD', KEYS[1], redis.call('TIME')[1], ARGV[1]) == 1 and KEYS[2] then
  redis.call('ZADD', KEYS[2], 0, ARGV[1])
end
return 1
