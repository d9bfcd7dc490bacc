"""When tasks are enqueued by themselves."""
