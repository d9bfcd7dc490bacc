return {
  redis.call('LLEN', incoming) + redis.call('ZCARD', ready) + redis.call('ZCARD', suspects),
  redis.call('ZCARD', delayed),
  redis.call('ZCARD', leases),
  redis.call('ZCARD', buried),
}
