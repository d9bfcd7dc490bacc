"""What sites write: declaring tasks, enqueueing them, reading results."""
