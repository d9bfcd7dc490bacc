-- KEYS: where those wait who serve every queue. ARGV: a queue that has work.
if not redis.call('LPOS', KEYS[1], ARGV[1]) then redis.call('RPUSH', KEYS[1], ARGV[1]) end
return 1
