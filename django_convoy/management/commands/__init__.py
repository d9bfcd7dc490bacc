"""Where Django looks for commands; the work is in `management.subcommands`."""
