"""Schedules: what is declared, what is fired, and what people see of it."""
