-- Puts jobs that came in order, so many; returns 1 if some are left.
absorb(MANY)
return redis.call('EXISTS', incoming)
