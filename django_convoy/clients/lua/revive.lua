-- ARGV: queue, id. Returns 1 if the job was set aside, delayed or a suspect.
local id = ARGV[2]
for _, key in ipairs({buried, delayed, suspects}) do
  if redis.call('ZREM', key, id) == 1 then
    redis.call('HDEL', notes, id)
    put_ready(id)
    ring()
    return 1
  end
end
return 0
