"""What the worker promises, shown with real processes and real kills."""
