"""Finds the subcommand and hands over to it."""

import importlib
import pkgutil
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from django_convoy.domain.errors import ConvoyError
from django_convoy.domain.suggest import unknown
from django_convoy.framework import DEFAULT_TASK_BACKEND_ALIAS
from django_convoy.management import subcommands
from django_convoy.management.backends import all_aliases, backend_of
from django_convoy.management.output import Output, until_nobody_reads


def names() -> list[str]:
    """Return the names of all subcommands."""
    return sorted(found.name for found in pkgutil.iter_modules(subcommands.__path__))


def load(name: str) -> Any:
    """Return a subcommand. Raises CommandError."""
    if name not in names():
        raise CommandError(unknown("subcommand", name, names()))
    return importlib.import_module(f"{subcommands.__name__}.{name}").Command()


class Unabbreviated(BaseCommand):
    """A command whose options are written out: `--force` is not taken for `--force-color`."""

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        """Return a parser that guesses nothing."""
        return super().create_parser(prog_name, subcommand, allow_abbrev=False, **kwargs)


class Adapter(Unabbreviated):
    """A subcommand as Django runs commands."""

    def __init__(self, subcommand: Any, **kwargs: Any) -> None:
        self.help = subcommand.help
        self.requires_system_checks = getattr(subcommand, "requires_system_checks", ())
        self._subcommand = subcommand
        self._every = getattr(subcommand, "every_backend", False)
        super().__init__(**kwargs)

    def add_arguments(self, parser: CommandParser) -> None:
        """Add what all subcommands share, then its own."""
        told = "all" if self._every else DEFAULT_TASK_BACKEND_ALIAS
        told = getattr(self._subcommand, "without_backend", told)
        parser.add_argument(
            "--backend",
            default="" if self._every else DEFAULT_TASK_BACKEND_ALIAS,
            metavar="ALIAS",
            help=f"alias of TASKS (default: {told})",
        )
        parser.add_argument(
            "--json", action="store_true", help="write JSON to standard output, for programs"
        )
        self._subcommand.add_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Run it; what users did wrong is one sentence, not a traceback."""
        out = Output(self.stdout, self.stderr, self.style, as_json=options["json"])
        try:
            alias = options["backend"]
            if self._every:
                chosen: Any = [backend_of(alias).alias] if alias else all_aliases()
            else:
                chosen = backend_of(alias).runtime
            status = self._subcommand.handle(chosen, options, out)
        except ConvoyError as error:
            raise CommandError(str(error)) from error
        if status:
            sys.exit(status)


class Command(Unabbreviated):
    """`manage.py convoy SUBCOMMAND`."""

    help = "Convoy: its worker and its control room"
    requires_system_checks = ()

    def run_from_argv(self, argv: list[str]) -> None:
        """Let the subcommand read its own arguments, where one is named."""
        with until_nobody_reads():
            if len(argv) > 2 and argv[2] in names():
                adapter = Adapter(load(argv[2]))
                adapter.run_from_argv([argv[0], f"{argv[1]} {argv[2]}", *argv[3:]])
            else:
                super().run_from_argv(argv)

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the subcommand's name and leave the rest to it."""
        parser.add_argument(
            "subcommand", metavar="SUBCOMMAND", nargs="?", help="leave it out for a list"
        )
        parser.add_argument("arguments", nargs="...", help="see `convoy SUBCOMMAND --help`")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run a subcommand for `call_command`, or when options stand in front of it."""
        if options["subcommand"] is None:
            self.stdout.write("Usage: manage.py convoy SUBCOMMAND, which is one of\n\n")
            for name in names():
                self.stdout.write(f"  {name:<10} {load(name).help}")
            return
        adapter = Adapter(
            load(options["subcommand"]),
            stdout=self.stdout._out,
            stderr=self.stderr._out,
            no_color=options["no_color"],
            force_color=options["force_color"],
        )
        parser = adapter.create_parser("manage.py", f"convoy {options['subcommand']}")
        adapter.execute(**vars(parser.parse_args(options["arguments"])))
