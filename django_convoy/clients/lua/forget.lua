-- Removes what is left of a queue without jobs: tokens that nobody took.
if redis.call('EXISTS', incoming, jobs) == 0 then redis.call('UNLINK', wake) end
return 1
