"""``smc plan``: what would run, and where each value comes from. Nothing of the user's is run."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shlex
from typing import TYPE_CHECKING, Any

from smc_core.cli.options import add_options, add_target, is_local, program
from smc_core.cli.parser import add_json, command
from smc_core.contract import NAMED_PROGRAM_ENV, PROGRAM_ENV
from smc_core.errors import CodeError

if TYPE_CHECKING:
    from smc_core.cli.parser import Commands
    from smc_core.plan import Plan
    from smc_core.plugins import Plugins

_SHOWN_SETTINGS = ("base_dir", "module_dir", "user_entry_point", "job_name", "region", "log_level")


def add(commands: Commands) -> None:
    """Declare it."""
    parser = command(commands, "plan", "say what would run, and where each value comes from; run nothing")
    add_target(parser)
    add_options(parser)
    add_json(parser)


def handle(options: argparse.Namespace) -> int:
    """Print the plan."""
    from smc_core.cli.printing import show
    from smc_core.process.parent.descriptors import stdout_to_stderr

    named = None if is_local(options) else program(options)
    with _job(options):
        with stdout_to_stderr():
            text = plan(named, options.module, as_json=options.json)
        show(text, as_json=options.json)
    return 0


def _job(options: argparse.Namespace) -> contextlib.AbstractContextManager[object]:
    if not is_local(options):
        return contextlib.nullcontext()
    from smc_core.local import job, request
    from smc_core.local.site import find_site, is_container

    site = find_site(os.environ)
    asked = request.from_options(options, site=site, in_container=is_container(os.environ))
    return job.planned(asked, name=options.name, job_dir=options.job_dir, site=None if asked.hosts else site)


def plan(named: str | None, module: str | None, *, as_json: bool) -> str:
    """What the job would run.

    Args:
        named: the entry point in place of the job's own.
        module: the same, as a module.
        as_json: JSON rather than text for people.

    Raises:
        SmcError: the job cannot run: what ``smc run`` would say too.

    """
    from smc_core.cli.printing import masker
    from smc_core.plan import find_target, make_plan
    from smc_core.plugins import Plugins

    override = module or (named and os.path.abspath(named))
    if override:
        os.environ[PROGRAM_ENV] = os.environ[NAMED_PROGRAM_ENV] = override
    plugins = Plugins.load()
    environment = plugins.create_environment()
    submitted = os.path.abspath(environment.module_dir)
    if submitted != environment.code_dir and os.path.isdir(submitted):
        environment = environment.extend(code_dir=submitted)
    target = find_target(environment, as_module=module is not None)
    try:
        made = make_plan(environment, target, plugins, os.environ)
    except CodeError as error:
        if submitted == environment.code_dir:
            raise
        raise CodeError(f"{error}; the code is at {environment.module_dir} and is fetched when the job runs") from error
    asked_by = "framework_module" if target.kind == "framework" else "user_entry_point"
    content = {**_content(made, plugins), "entry_point_source": str(environment.sources[asked_by])}
    return masker(environment)(json.dumps(content, indent=2) if as_json else _text(content))


def _content(made: Plan, plugins: Plugins) -> dict[str, Any]:
    from smc_core.masking import MASK, masked
    from smc_core.plan import what_is_used
    from smc_core.secret_names import is_secret
    from smc_core.variables import script_variables

    ran, env = made.command, made.environment
    fields = {name: value for name, value in env.dict().items() if name in env.sources}
    return {
        "entry_point": made.entry_point.name,
        "code": what_is_used(env, os.environ),
        "mode": made.entry_point.mode,
        "reason": made.entry_point.reason,
        "argv": list(ran.argv),
        "cwd": ran.cwd,
        "launcher": ran.launcher,
        "arguments": env.user_args,
        "plugins": [str(plugin) for plugin in plugins.installed if not plugin.is_left_out],
        "settings": {n: {"value": masked(v, n), "source": str(env.sources[n])} for n, v in fields.items()},
        "variables": {
            v.name: {"value": MASK if is_secret(v.name) else v.text, "source": str(v.source)}
            for v in (*script_variables(env).values(), *made.added)
            if v.fits
        },
        "left_out": [variable.name for variable in made.left_out],
        "warnings": made.warnings,
    }


def _text(content: dict[str, Any]) -> str:
    settings = content["settings"]
    head = [
        ["entry point", f"{content['entry_point']}  ({content['entry_point_source']})"],
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
