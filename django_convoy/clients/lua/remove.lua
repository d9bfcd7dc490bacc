-- ARGV: queue, id. Returns its body; nothing: it is not there, or somebody holds it.
local id = ARGV[2]
for _, key in ipairs({ready, delayed, buried, suspects}) do
  if redis.call('ZREM', key, id) == 1 then
    local body = redis.call('HGET', jobs, id)
    redis.call('HDEL', jobs, id)
    redis.call('HDEL', notes, id)
    return body
  end
end
return false
