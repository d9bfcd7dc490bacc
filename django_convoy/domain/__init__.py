"""Plain values of the task queue: the standard library only, no I/O."""
