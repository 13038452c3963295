"""What ``smc plan``, ``smc env`` and ``smc plugins`` tell. Nothing here runs the user's code."""

from __future__ import annotations

import json
import os
import shlex
from typing import Any

from smc_core.contract import HYPERPARAMETERS_FILE, NAMED_PROGRAM_ENV, PROGRAM_ENV
from smc_core.environment import Environment
from smc_core.errors import CodeError, SmcError
from smc_core.masking import MASK, Masker, masked
from smc_core.plan import Plan, find_target, make_plan, what_is_used
from smc_core.plugins import HOOKS, Installed, Plugins, installed, new_manager, register
from smc_core.secret_names import is_secret
from smc_core.table import table


def plan(program: str | None, module: str | None, *, as_json: bool) -> str:
    """What the job would run.

    Args:
        program: the entry point in place of the job's own.
        module: the same, as a module.
        as_json: JSON rather than text for people.

    Raises:
        SmcError: the job cannot run: what ``smc run`` would say too.

    """
    override = module or (program and os.path.abspath(program))
    if override:
        os.environ[PROGRAM_ENV] = os.environ[NAMED_PROGRAM_ENV] = override
    plugins = Plugins.load()
    environment = plugins.create_environment()
    submitted = os.path.abspath(environment.module_dir)
    if submitted != environment.code_dir and os.path.isdir(submitted):
        environment = environment.model_copy(update={"code_dir": submitted})
    target = find_target(environment, as_module=module is not None)
    try:
        made = make_plan(environment, target, plugins, os.environ)
    except CodeError as error:
        if submitted == environment.code_dir:
            raise
        raise CodeError(f"{error}; the code is at {environment.module_dir} and is fetched when the job runs") from error
    content = _plan_content(made, plugins)
    return _masker(environment)(json.dumps(content, indent=2) if as_json else _plan_text(content))


def environment() -> str:
    """The Environment of the job, as JSON."""
    made = Plugins.load().create_environment()
    return _masker(made)(json.dumps(masked(made.dict()), indent=2, default=str))


def plugins(*, as_json: bool) -> tuple[str, bool]:
    """The installed plugins and the hooks in call order, and whether all of them work."""
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
    all_work = all(row["status"] in ("ok", "disabled") for row in rows)
    content = {"plugins": rows, "call_order": callers, "wrappers": wrappers}
    return (json.dumps(content, indent=2) if as_json else _plugins_text(content)), all_work


def _try(manager: Any, plugin: Installed) -> dict[str, str]:
    try:
        register(manager, plugin)
    except SmcError as error:
        if manager.has_plugin(plugin.name):
            manager.unregister(name=plugin.name)
        return {"status": "broken", "cause": str(error)}
    return {}


def _plugins_text(content: dict[str, Any]) -> str:
    rows = [["name", "version", "distribution", "status", "hooks"]]
    rows += [
        [row["name"], row["version"], row["distribution"], row["status"], ", ".join(row["hooks"]) or "-"]
        for row in content["plugins"]
    ]
    lines = table(rows) if len(rows) > 1 else ["no plugins are installed (pip install smc-keras, for one)"]
    lines += [f"  {row['cause']}" for row in content["plugins"] if "cause" in row]
    lines += ["", "call order (wrappers, which come around all others, in brackets):"]
    for hook, names in content["call_order"].items():
        around = len(content["wrappers"][hook])
        marked = [f"[{name}]" if n < around else name for n, name in enumerate(names)]
        lines.append(f"  {hook}: {' → '.join(marked) or '-'}")
    return "\n".join(lines)


def _plan_content(made: Plan, plugins: Plugins) -> dict[str, Any]:
    from smc_core.variables import script_variables

    command, env = made.command, made.environment
    fields = {name: value for name, value in env.dict().items() if name in env.sources}
    return {
        "entry_point": made.entry_point.name,
        "code": what_is_used(env, os.environ),
        "mode": made.entry_point.mode,
        "reason": made.entry_point.reason,
        "argv": list(command.argv),
        "cwd": command.cwd,
        "launcher": command.launcher,
        "arguments": env.user_args,
        "plugins": [str(plugin) for plugin in plugins.installed if not plugin.disabled],
        "settings": {n: {"value": masked(v, n), "source": env.sources[n]} for n, v in fields.items()},
        "variables": {
            v.name: {"value": MASK if is_secret(v.name) else v.text, "source": v.source}
            for v in script_variables(env).values()
            if v.fits
        },
        "left_out": [variable.name for variable in made.left_out],
        "warnings": made.warnings,
    }


_SHOWN_SETTINGS = ("base_dir", "module_dir", "user_entry_point", "job_name", "region", "log_level")


def _plan_text(content: dict[str, Any]) -> str:
    settings = content["settings"]
    head = [
        ["entry point", f"{content['entry_point']}  ({settings['user_entry_point']['source']})"],
        ["mode", f"{content['mode']}  ({content['reason']})"],
        *([["code", content["code"]]] if content["code"] else []),
        *(["warning", text] for text in content["warnings"]),
        ["argv", shlex.join(content["argv"])],
        ["arguments", f"{shlex.join(content['arguments']) or '-'}  ({settings['user_args']['source']})"],
        ["cwd", content["cwd"]],
        ["launcher", content["launcher"] or "-"],
        ["plugins", ", ".join(content["plugins"]) or "-"],
        *([name, f"{settings[name]['value']}  ({settings[name]['source']})"] for name in _SHOWN_SETTINGS),
    ]
    lines = [f"{name:<17}{text}" for name, text in head]
    lines += ["", "variables:"]
    lines += [f"  {name}={v['value']}  ({v['source']})" for name, v in content["variables"].items()]
    lines += [f"  {name} is left out: too large for the kernel" for name in content["left_out"]]
    return "\n".join(lines)


def _masker(made: Environment) -> Masker:
    return Masker.of_job(os.environ, os.path.join(made.input_config_dir, HYPERPARAMETERS_FILE))
