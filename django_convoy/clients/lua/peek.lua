-- Returns {1 if a claim would find something, microseconds until something falls due or -1, 1 if
-- there are jobs at all}.
local next = soonest()
local work = redis.call('EXISTS', incoming, ready, suspects) > 0 or (next and next <= now)
return {work and 1 or 0, next and math.max(0, next - now) or -1, redis.call('EXISTS', incoming, jobs) > 0 and 1 or 0}
