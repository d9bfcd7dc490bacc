"""The documentation: its examples run, its tables say what the code says."""
