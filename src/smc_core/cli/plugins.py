"""``smc plugins``: the installed plugins, and the hooks in the order of their calls."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING, Any

from smc_core.cli.parser import add_json, command
from smc_core.errors import SmcError

if TYPE_CHECKING:
    from smc_core.cli.parser import Commands
    from smc_core.plugins import Installed


def add(commands: Commands) -> None:
    """Declare it."""
    add_json(command(commands, "plugins", "list the plugins, and the hooks in call order"))


def handle(options: argparse.Namespace) -> int:
    """Print them; exit code 3 if one is broken."""
    from smc_core.cli.printing import show
    from smc_core.process.parent.descriptors import stdout_to_stderr

    with stdout_to_stderr():
        content = _content()
        text = json.dumps(content, indent=2) if options.json else _text(content)
    show(text, as_json=options.json)
    return 0 if all(row["status"] in ("ok", "disabled") for row in content["plugins"]) else 3


def _content() -> dict[str, Any]:
    from smc_core.plugins import HOOKS, Plugins, installed, new_manager

    manager = new_manager()
    rows: list[dict[str, Any]] = []
    for plugin in reversed(installed()):
        row: dict[str, Any] = {
            "name": plugin.name,
            "version": plugin.version,
            "distribution": plugin.distribution,
            "entry_point": plugin.entry_point,
            "status": "disabled" if plugin.disabled else "ok",
            "hooks": [],
        }
        if not plugin.disabled:
            row.update(_try(manager, plugin))
        rows.insert(0, row)
    working = Plugins(manager, [])
    callers = {hook: working.callers(hook) for hook in HOOKS}
    wrappers = {hook: working.wrappers(hook) for hook in HOOKS}
    for row in rows:
        row["hooks"] = [hook for hook in HOOKS if row["name"] in callers[hook]]
    return {"plugins": rows, "call_order": callers, "wrappers": wrappers}


def _try(manager: Any, plugin: Installed) -> dict[str, str]:
    from smc_core.plugins import register

    try:
        register(manager, plugin)
    except SmcError as error:
        if manager.has_plugin(plugin.name):
            manager.unregister(name=plugin.name)
        return {"status": "broken", "cause": str(error)}
    return {}


def _text(content: dict[str, Any]) -> str:
    from smc_core.cli.table import table

    rows = [["name", "version", "distribution", "status", "hooks"]]
    rows += [
        [row["name"], row["version"], row["distribution"], row["status"], ", ".join(row["hooks"]) or "-"]
        for row in content["plugins"]
    ]
    lines = table(rows) if len(rows) > 1 else ["no plugins are installed (pip install smc-keras, for one)"]
    lines += [f"  {row['cause']}" for row in content["plugins"] if "cause" in row]
    lines += ["", "call order (wrappers, which are called around all others, in brackets):"]
    for hook, names in content["call_order"].items():
        around = len(content["wrappers"][hook])
        marked = [f"[{name}]" if n < around else name for n, name in enumerate(names)]
        lines.append(f"  {hook}: {' → '.join(marked) or '-'}")
    return "\n".join(lines)
