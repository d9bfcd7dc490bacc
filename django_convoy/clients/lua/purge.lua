-- ARGV: queue, whether also what is held goes. Returns how many jobs were removed. It costs what
-- is held, not what is removed.
local members = ARGV[2] == '1' and {} or redis.call('ZRANGE', leases, 0, -1)
local kept, remembered = {}, {}
for _, member in ipairs(members) do
  local id = id_of(member)
  local body = redis.call('HGET', jobs, id)
  if body then
    kept[#kept + 1] = id
    kept[#kept + 1] = body
  end
  for _, name in ipairs({id, member}) do
    local note = redis.call('HGET', notes, name)
    if note then
      remembered[#remembered + 1] = name
      remembered[#remembered + 1] = note
    end
  end
end
local came = redis.pcall('LLEN', incoming)
local removed = (tonumber(came) or 0) + redis.call('HLEN', jobs) - #kept / 2
redis.call('UNLINK', incoming, jobs, notes, ready, suspects, delayed, buried)
if #members == 0 then redis.call('UNLINK', leases, wake) end
with_all('HSET', jobs, kept)
with_all('HSET', notes, remembered)
return removed
