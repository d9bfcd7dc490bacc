"""The brokers that come with Convoy, by name: the one line that a new broker adds."""

BROKERS: dict[str, str] = {
    "database": "django_convoy.brokers.database.DatabaseBroker",
    "postgres": "django_convoy.brokers.postgres.PostgresBroker",
    "sync": "django_convoy.brokers.sync.SyncBroker",
    "debug-web": "django_convoy.brokers.debug_web.DebugWebBroker",
    "memory": "django_convoy.brokers.memory.MemoryBroker",
    "ironmq": "django_convoy.brokers.ironmq.IronMQBroker",
    "disque": "django_convoy.brokers.disque.DisqueBroker",
    "mongodb": "django_convoy.brokers.mongodb.MongoBroker",
    "redis": "django_convoy.brokers.redis.RedisBroker",
    "redis-once": "django_convoy.brokers.redis_once.RedisOnceBroker",
    "sqs": "django_convoy.brokers.sqs.SqsBroker",
}
