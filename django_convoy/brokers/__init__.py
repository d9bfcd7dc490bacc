"""The brokers that come with Convoy, by name: the one line that a new broker adds."""

BROKERS: dict[str, str] = {
    "database": "django_convoy.brokers.database.DatabaseBroker",
    "postgres": "django_convoy.brokers.postgres.PostgresBroker",
    "sqs": "django_convoy.brokers.sqs.SqsBroker",
}
