"""Promises about Redis: how it is reached, what may stand there, and what is left behind."""
