"""The brokers that come with Convoy, by name: the one line that a new broker adds."""

BROKERS: dict[str, str] = {
    "database": "django_convoy.brokers.database.DatabaseBroker",
    "postgres": "django_convoy.brokers.postgres.PostgresBroker",
    "redis": "django_convoy.brokers.redis.RedisBroker",
    "redis-once": "django_convoy.brokers.redis_once.RedisOnceBroker",
}
