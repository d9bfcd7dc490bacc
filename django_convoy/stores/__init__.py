"""The result stores that come with Convoy, by name."""

STORES: dict[str, str] = {
    "database": "django_convoy.stores.database.DatabaseStore",
    "cache": "django_convoy.stores.cache.CacheStore",
    "memory": "django_convoy.stores.memory.MemoryStore",
    "redis": "django_convoy.stores.redis.RedisStore",
    "none": "django_convoy.stores.none.NoStore",
}
