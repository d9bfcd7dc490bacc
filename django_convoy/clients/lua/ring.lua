-- Wakes somebody for what is there.
if redis.call('EXISTS', incoming, ready, suspects) > 0 then ring() end
return 1
