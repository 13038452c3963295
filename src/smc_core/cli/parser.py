"""The parser of ``smc``. A subcommand is the module of its name in this package; nothing else knows of it.

Such a module has

- ``add(commands)``, which declares its help and arguments with :func:`command`, and
- ``handle(options)``, which does what was asked for and returns the exit code.

It is imported only when it was asked for, or for ``smc --help``. What its work needs it imports in ``handle``, so that
help and a wrong command line stay quick.
"""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NoReturn

from smc_core.errors import ConfigurationError
from smc_core.version import __version__

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction["Parser"]

COMMANDS = ("run", "plan", "env", "plugins", "plugin", "jobs", "logs", "why", "doctor", "manifest")
"""The subcommands, in the order of ``smc --help``."""

_DESCRIPTION = "Runs machine-learning training inside containers: on Amazon SageMaker, on a laptop, anywhere."

_EXIT_CODES = """\
exit codes:
  the script's own; 128+n if signal n killed it;
  2 configuration, 3 plugin, 4 user code or its requirements, 5 host, 70 a fault of smc
"""


class Parser(argparse.ArgumentParser):
    """Raises what is wrong with a command line as an error of smc.

    Attributes:
        dashed: name of the optional argument that takes a word with dashes which is none of the options; None if such
            a word is an error.
        hint: what to try in place of an unknown option.
        refused: called with an error of the command line before it is raised: the error, what was parsed until
            then, and the option that is wrong (``--hosts``), or None.
    """

    dashed: str | None = None
    hint = ""
    refused: Callable[[ConfigurationError, argparse.Namespace, str | None], None] | None = None

    def read(self, arguments: Sequence[str]) -> argparse.Namespace:
        """Parse.

        Raises:
            ConfigurationError: they cannot be parsed.

        """
        options = argparse.Namespace()
        try:
            unknown = self.parse_known_args(arguments, options)[1]
            if unknown and self.dashed is not None and getattr(options, self.dashed) is None:
                setattr(options, self.dashed, unknown.pop(0))
            if unknown:
                hint = f"; {self.hint}" if self.hint and unknown[0].startswith("-") else ""
                self.error(f"unrecognized arguments: {' '.join(unknown)}{hint}")
        except argparse.ArgumentError as error:
            refusal = ConfigurationError(f"{error} (see {self.prog} --help)")
            if self.refused is not None:
                self.refused(refusal, options, error.argument_name)
            raise refusal from None
        return options

    def error(self, message: str) -> NoReturn:
        """Raise, as argparse itself does if it knows which argument is wrong (``exit_on_error``)."""
        raise argparse.ArgumentError(None, message)


class _Smc(Parser):
    def format_help(self) -> str:
        """The help; the settings in it are put together only here."""
        self.epilog = f"{_settings()}\n\n{_EXIT_CODES}"
        return super().format_help()


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """What a command line asks for; ``options.handle(options)`` does it and returns the exit code.

    Raises:
        ConfigurationError: it cannot be parsed.
        SystemExit: it asked for help or the version, which has been printed.

    """
    smc = _Smc(
        prog="smc",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        exit_on_error=False,
    )
    smc.add_argument("--version", action="version", version=f"smc-core {__version__}")
    commands = smc.add_subparsers(title="commands", metavar="COMMAND", required=True, parser_class=Parser)
    name = arguments[0] if arguments else ""
    if name in COMMANDS:
        _load(name, commands)
        return commands.choices[name].read(arguments[1:])
    if name and not name.startswith("-"):
        raise ConfigurationError(_no_command(name))
    for each in COMMANDS:
        _load(each, commands)
    return smc.read(arguments)


def command(commands: Commands, name: str, summary: str, description: str | None = None) -> Parser:
    """Declare a subcommand.

    Args:
        commands: what ``add`` is called with.
        name: of the subcommand.
        summary: what it does, in half a line: for ``smc --help``.
        description: what it does, for its own help; by default the summary.

    Returns:
        Its parser, which takes its arguments.

    """
    return commands.add_parser(
        name,
        help=summary,
        description=description or f"{summary[0].upper()}{summary[1:]}.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        exit_on_error=False,
    )


def add_json(parser: Parser) -> None:
    """Add ``--json``."""
    parser.add_argument("--json", action="store_true", help="print JSON")


def _load(name: str, commands: Commands) -> None:
    module = importlib.import_module(f"smc_core.cli.{name}")
    module.add(commands)
    commands.choices[name].set_defaults(handle=module.handle)


def _no_command(name: str) -> str:
    from smc_core.words import did_you_mean, nearest

    if "/" in name or name.endswith((".py", ".sh")):
        return f"{name!r} is not a command; to run it: smc run {name}"
    return f"{name!r} is not a command{did_you_mean(nearest(name, COMMANDS))} (see smc --help)"


def _settings() -> str:
    """Every setting of the core, a line each, as wide as a terminal usually is."""
    import textwrap

    from smc_core.cli.printing import plain
    from smc_core.settings import CORE

    widest = max(map(len, CORE)) + 2
    lines = ["settings, as variables (smc why NAME says more):"]
    for setting in CORE.values():
        what = textwrap.shorten(plain(setting.what).partition(";")[0], 98 - widest, placeholder=" …")
        lines.append(f"  {setting.name:<{widest}}{what}")
    return "\n".join(lines)
