"""`manage.py convoy`: what its subcommands show and do."""
