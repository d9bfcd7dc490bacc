-- Removes what is left of a queue without jobs: a token that nobody took. Returns whether it has none.
if redis.call('EXISTS', incoming, jobs) > 0 then return 0 end
redis.call('UNLINK', wake)
return 1
