-- Jobs that came and are in no order yet: what scripts share that take them over.

-- Returns (id, body) of a job as it came: "id body". What is no job gets an id of its own, under
-- which it is found to be none.
local function split(entry)
  local gap = string.find(entry, ' 0 [', 1, true)
  if not gap then return redis.sha1hex(entry), entry end
  return string.sub(entry, 1, gap - 1), string.sub(entry, gap + 1)
end

-- Puts so many of those that came in order. Of the first ones that are ready then, none is missing:
-- what came later is behind as many. Returns whether more may be left.
local function absorb(most)
  local entries = redis.call('LRANGE', incoming, 0, most - 1)
  if #entries == 0 then return false end
  redis.call('ZCARD', ready) -- these two raise if something else stands there, before it is too late
  redis.call('HLEN', jobs)
  redis.call('LTRIM', incoming, #entries, -1) -- needs no memory, and so comes first
  for _, entry in ipairs(entries) do
    local id, body = split(entry)
    if redis.call('HSETNX', jobs, id, body) == 1 then redis.call('ZADD', ready, 0, id) end
  end
  return #entries == most
end
