"""Writes into the pages the tables that are made from the code. See ``docs/generate.py``.

A page has a table between ``<!-- settings: GROUP -->``, ``<!-- settings: NAMES -->`` or ``<!-- table: NAME -->``
(``fields``, ``variables``, ``platforms``, ``policies``) and ``<!-- end -->``. It stands in the page itself, so that the
page reads on a code host as it does in the built site; a test says when it is out of date.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

from smc_core import Environment, environment, platforms, settings
from smc_core.errors import EXIT_HOST, EXIT_INTERNAL, EXIT_SIGNAL_BASE, NEVER_BETTER
from smc_core.variables import FIELD_VARIABLES

ROOT = Path(__file__).parents[1]
_BLOCK = re.compile(r"(<!-- settings: ([\w ]+) -->\n).*?(<!-- end -->)", re.DOTALL)
_OF_CODE = re.compile(r"(<!-- table: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def rendered(page: str) -> str:
    """A page with its tables as the code is now."""
    page = _BLOCK.sub(lambda found: found[1] + table(found[2]) + found[3], page)
    made = {"fields": fields, "variables": variables, "platforms": platforms_table, "policies": policies}
    return _OF_CODE.sub(lambda found: f"{found[1]}\n{made[found[2]]()}\n\n{found[3]}", page)


def fields() -> str:
    """The fields of the Environment as a table."""
    described = {name: field for name, field in environment.fields(Environment).items() if field.description}
    rows = [
        f"| `{name}` | `{_type_name(field.annotation)}` | {field.description} |" for name, field in described.items()
    ]
    return "\n".join(["| field | type | what it holds |", "|---|---|---|", *rows])


def _type_name(annotation: object) -> str:
    name = annotation.__name__ if annotation in (str, int, bool) else str(annotation)  # type: ignore[attr-defined]
    return name.replace("typing.", "").replace(" | None", " or None")


def variables() -> str:
    """The variables that hold a field, as a table."""
    rows = [
        f"| `{name}` | {environment.fields(Environment)[field].description} |"
        for name, field in sorted(FIELD_VARIABLES.items())
    ]
    return "\n".join(["| variable | what it holds |", "|---|---|", *rows])


def platforms_table() -> str:
    """The platforms in the order in which they are looked for."""
    rows = [
        f"| `{each.NAME}` | {each.MARKER} | {each.HOSTS} | {each.RANK} | {each.MASTER} | {_grace(each.STOP_SECONDS)} |"
        for each in platforms.PLATFORMS
    ]
    head = "| platform | recognised by | hosts | rank of this host | master | seconds to stop |"
    return "\n".join([head, "|---|---|---|---|---|---|", *rows])


def _grace(seconds: float | None) -> str:
    if seconds is None:
        return f"{platforms.UNTOLD_GRACE:g} (not said)"
    return f"{platforms.less_margin(seconds):g} of {seconds:g}"


def policies() -> str:
    """What makes an engine start a job again, or not, by the exit codes of smc."""
    never = ", ".join(map(str, NEVER_BETTER))
    lost = f"{EXIT_HOST}, {EXIT_SIGNAL_BASE + 9}, {EXIT_SIGNAL_BASE + 15}"
    policy = f"""\
spec:
  backoffLimit: 3
  podFailurePolicy:
    rules:
    - action: FailJob # another attempt would fail in the same way
      onExitCodes: {{containerName: smc, operator: In, values: [{never}]}}
    - action: Ignore # the pod was preempted or evicted
      onPodConditions: [{{type: DisruptionTarget}}]"""
    return f"""\
| exit code | another attempt |
|---|---|
| {never} | fails in the same way |
| {lost} | may succeed: another host was lost, or the job was killed or stopped |
| {EXIT_INTERNAL} | is of no use: report the bug |
| any other | is for the author of the script to say |

Kubernetes, in a Job whose container is called `smc`:

<!-- not run: a part of a manifest -->
```yaml
{policy}
```

Slurm, in `slurm.conf` of the cluster, with `SMC_EXIT_STOPPED=75` and `#SBATCH --requeue` in the job:

<!-- not run: a part of a configuration -->
```text
RequeueExit=75
```

SkyPilot, in a managed job with `SMC_EXIT_STOPPED=33`:

<!-- not run: a part of a task -->
```yaml
resources:
  job_recovery:
    max_restarts_on_errors: 0
    recover_on_exit_codes: [33, {EXIT_HOST}]
```"""


def table(which: str) -> str:
    """The settings of a group, or those of these names, as a Markdown table.

    Raises:
        ValueError: no setting has this group or name.

    """
    every = [*settings.CORE.values(), *of_plugins()]
    rows = [_row(each) for each in every if each.group == which or each.name in which.split()]
    if not rows:
        raise ValueError(f"no setting is in the group {which!r}, or has such a name")
    return "\n".join(["| variable | what it sets | default |", "|---|---|---|", *rows, ""])


def of_plugins() -> list[settings.Setting]:
    """The settings of this repository's plugins, read from their source: no framework need be installed."""
    forms = {each.__name__: each for each in settings.Setting.__subclasses__()}
    found = []
    for path in sorted(ROOT.glob("plugins/*/src/**/*.py")):
        source = path.read_text(encoding="utf-8")
        if "smc_core.setting" not in source:
            continue
        tree = ast.parse(source)
        names = {"DATA": "data"} | {
            node.targets[0].id: node.value.value
            for node in tree.body
            if isinstance(node, ast.Assign)
            and isinstance(node.targets[0], ast.Name)
            and isinstance(node.value, ast.Constant)
        }
        for node in tree.body:
            call = node.value if isinstance(node, ast.Assign) else None
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in forms:
                found.append(eval(ast.unparse(call), {**forms, **names}))  # noqa: S307 - this repository's own source
    return found


def _row(setting: settings.Setting) -> str:
    what = setting.what
    if isinstance(setting, settings.Choice) and len(setting.choices) > 1 and "`" not in what:
        what += ": " + ", ".join(f"`{choice}`" for choice in setting.choices)
    return f"| `{setting.name}` | {what} | {setting.default_text} |"
