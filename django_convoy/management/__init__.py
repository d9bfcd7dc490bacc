"""The command line: `manage.py convoy SUBCOMMAND`."""
