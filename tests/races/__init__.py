"""Promises about several connections or processes at once, with real ones."""
