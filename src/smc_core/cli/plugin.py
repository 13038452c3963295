"""``smc plugin new``: a plugin to begin with."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from smc_core.cli.parser import Parser, command

if TYPE_CHECKING:
    from smc_core.cli.parser import Commands

_DESCRIPTION = "Write a complete plugin, which works and passes its own tests as it is, to the folder smc-NAME."


def add(commands: Commands) -> None:
    """Declare it."""
    plugin = command(commands, "plugin", "write a new plugin: smc plugin new NAME")
    actions = plugin.add_subparsers(metavar="new", required=True, parser_class=Parser)
    new = actions.add_parser("new", help="write one", description=_DESCRIPTION, exit_on_error=False)
    new.add_argument("name", metavar="NAME", help="its name, such as lines: smc_core.lines in a job's code")
    new.add_argument("--framework", metavar="DIST", help="the framework that it is for, such as 'loom>=3.6,<4'")
    new.add_argument("--launcher", action="store_true", help="with a launcher, for several processes and hosts")
    new.add_argument("--dir", metavar="DIR", type=Path, help="write to this folder, which must not exist")


def handle(options: argparse.Namespace) -> int:
    """Write it, and print what to do next."""
    from smc_core import scaffold
    from smc_core.scaffold.names import checked

    names = checked(options.name, options.framework)
    folder = options.dir or Path(names.distribution)
    files = scaffold.write(names, folder, launcher=options.launcher)
    lines = [f"{folder}: the plugin {names.plugin}", *(f"  {name}" for name in files)]
    if names.package:
        lines.append(f"its framework is imported as {names.package}: FRAMEWORK in plugin.py")
    lines += ["next:", f"  cd {folder}", "  pip install -e '.[test]'", "  pytest"]
    print("\n".join(lines))
    return 0
