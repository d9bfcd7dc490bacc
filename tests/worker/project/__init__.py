"""The site that worker processes of these tests run: its own database file, its own settings."""
