"""The brokers that come with Convoy, by name: the one line that a new broker adds."""

BROKERS: dict[str, str] = {
    "database": "django_convoy.brokers.database.DatabaseBroker",
    "postgres": "django_convoy.brokers.postgres.PostgresBroker",
    "mongodb": "django_convoy.brokers.mongodb.MongoBroker",
}
