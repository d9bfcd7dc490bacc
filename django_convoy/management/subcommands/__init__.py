"""The subcommands of `manage.py convoy`: one file each, found by listing this package.

The file `NAME.py` has one class:

    class Command:
        help = "one line"
        requires_system_checks = ()         # optional: tags of Django's checks to run first

        def add_arguments(self, parser: CommandParser) -> None: ...
        def handle(self, runtime: Runtime, options: dict[str, Any], out: Output) -> int | None: ...

runtime: of the alias that `--backend` names; `--backend` and `--json` are added to every
subcommand. options: what was parsed, Django's own (verbosity, ...) included.
out: `line`, `warn`, `table`, `data` and `ask`; see `management.output.Output`.
Returns the exit status, None for 0. ConvoyError and CommandError are shown as one sentence.
"""
