"""Servers that speak a protocol as it was measured, for what cannot be had in a test run."""
