"""``smc plugins``: the installed plugins, and the hooks in the order of their calls."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from smc_core.cli.parser import add_json, command

if TYPE_CHECKING:
    from smc_core.cli.parser import Commands
    from smc_core.plugins.survey import Seen, Survey

_NONE = "no plugins are installed (pip install smc-keras, for one)"
_WIDEST = len("deprecated") + 1


def add(commands: Commands) -> None:
    """Declare it."""
    parser = command(commands, "plugins", "list the plugins, and the hooks in call order")
    text = "all that is known of each: why it is not loaded, how long its import takes, what it requires"
    parser.add_argument("-v", "--verbose", action="store_true", help=text)
    add_json(parser)


def handle(options: argparse.Namespace) -> int:
    """Print them; exit code 3 if one is broken."""
    from smc_core.cli.printing import show
    from smc_core.process.parent.descriptors import stdout_to_stderr

    with stdout_to_stderr():
        from smc_core.plugins.survey import survey

        found = survey()
    if options.json:
        text = json.dumps(_content(found), indent=2)
    else:
        text = "\n".join([*(_details if options.verbose else _table)(found), "", *_call_order(found)])
    show(text, as_json=options.json)
    return 3 if any(each.status == "broken" for each in found.plugins) else 0


def _content(found: Survey) -> dict[str, Any]:
    return {
        "plugins": [_row(each) for each in found.plugins],
        "call_order": found.callers,
        "wrappers": found.wrappers,
    }


def _row(seen: Seen) -> dict[str, Any]:
    plugin = seen.plugin
    return {
        "name": plugin.name,
        "version": plugin.version,
        "distribution": plugin.distribution,
        "entry_point": plugin.entry_point,
        "status": seen.status,
        "cause": seen.cause,
        "hooks": seen.hooks,
        "import_seconds": None if seen.seconds is None else round(seen.seconds, 6),
        "requires": [each._asdict() for each in seen.requires],
        "framework": [each._asdict() for each in seen.framework],
        "deprecated": seen.deprecated,
    }


def _table(found: Survey) -> list[str]:
    from smc_core.cli.table import table

    if not found.plugins:
        return [_NONE]
    rows = [["name", "version", "distribution", "status", "hooks"]]
    for each in found.plugins:
        name, distribution, version = each.plugin[:3]
        rows.append([name, version, distribution, each.status, ", ".join(each.hooks) or "-"])
    return [*table(rows), *(f"  {each.cause}" for each in found.plugins if each.status == "broken")]


def _details(found: Survey) -> list[str]:
    """A paragraph for each plugin."""
    if not found.plugins:
        return [_NONE]
    paragraphs = [[f"{each.plugin.name} {each.plugin.version}", *_paragraph(each)] for each in found.plugins]
    return "\n\n".join("\n".join(lines) for lines in paragraphs).splitlines()


def _paragraph(seen: Seen) -> Iterator[str]:
    from smc_core.words import how_long

    facts = [
        ("status", f"{seen.status}: {seen.cause}" if seen.cause else seen.status),
        ("from", f"{seen.plugin.distribution}, {seen.plugin.entry_point}"),
        ("hooks", ", ".join(seen.hooks)),
        ("import", "" if seen.seconds is None else how_long(seen.seconds)),
        *(("requires", str(each)) for each in seen.requires),
        *(("framework", str(each)) for each in seen.framework),
        *(("deprecated", each) for each in seen.deprecated),
    ]
    return (f"  {name:<{_WIDEST}}{text or '-'}" for name, text in facts)


def _call_order(found: Survey) -> Iterator[str]:
    yield "call order (wrappers, which are called around all others, in brackets):"
    for hook, names in found.callers.items():
        around = len(found.wrappers[hook])
        marked = [f"[{name}]" if n < around else name for n, name in enumerate(names)]
        yield f"  {hook}: {' → '.join(marked) or '-'}"
