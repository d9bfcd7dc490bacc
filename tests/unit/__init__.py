"""Small promises, one module at a time."""
