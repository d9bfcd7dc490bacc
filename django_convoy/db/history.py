"""The columns of the history, for statements by hand."""

COLUMNS = [
    "id",
    "queue",
    "task",
    "payload",
    "seal",
    "key_id",
    "priority",
    "status",
    "attempt",
    "due",
    "enqueued_at",
    "started_at",
    "finished_at",
    "worker",
    "result",
    "note",
    "expires_at",
]
