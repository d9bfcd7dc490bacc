"""What a job is put through. No Django, no server, no I/O of its own."""
