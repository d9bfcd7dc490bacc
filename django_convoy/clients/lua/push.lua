-- ARGV: queue, then (id, when it is due or "", rank, body) of each job. A job that is there
-- already stays as it is, also among the first of those that came; of others claims find out.
redis.call('ZADD', ready, 'XX', 0, '') -- changes nothing; where no memory is left, we end here
absorb(MANY)
local news = false
for at = 2, #ARGV, 4 do
  local id, due = ARGV[at], ARGV[at + 1]
  if redis.call('HSETNX', jobs, id, ARGV[at + 3]) == 1 then
    if due == '' then
      redis.call('ZADD', ready, ARGV[at + 2], id)
      news = true
    else
      put_delayed(id, tonumber(due))
    end
  end
end
if news then ring() end
return 1
