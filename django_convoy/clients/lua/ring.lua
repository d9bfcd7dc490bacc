-- Wakes somebody for what is there.
if redis.call('EXISTS', ready, suspects) > 0 then ring() end
return 1
