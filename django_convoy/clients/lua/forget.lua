-- Removes what is left of a queue without jobs: tokens that nobody took.
if redis.call('EXISTS', jobs) == 0 then
  redis.call('UNLINK', wake)
  if any then redis.call('LREM', any, 0, queue) end
end
return 1
