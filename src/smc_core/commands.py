"""What the command line understands. A handler imports what it needs inside itself: each stays small."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn

from smc_core import __version__, printable
from smc_core.errors import ConfigurationError, SmcError
from smc_core.local.options import EXPLANATION, add_options, add_run_options, is_local
from smc_core.settings import CORE

_DESCRIPTION = "Runs machine-learning training inside containers: on Amazon SageMaker, on a laptop, anywhere."

_EPILOG = """\
exit codes:
  the script's own; 128+n where signal n killed it;
  2 configuration, 3 plugin, 4 user code or its requirements, 5 host, 70 a fault of smc
"""


def _settings() -> str:
    """Every setting of the core, a line each, as wide as a terminal usually is."""
    import re
    import textwrap

    widest = max(map(len, CORE)) + 2
    lines = ["settings, as variables (smc why NAME says more):"]
    for setting in CORE.values():
        plain = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", setting.what).replace("`", "")
        lines.append(
            f"  {setting.name:<{widest}}{textwrap.shorten(plain.partition(';')[0], 98 - widest, placeholder=' …')}"
        )
    return "\n".join(lines)


class _Parser(argparse.ArgumentParser):
    """Tells an error as the others are told: raised, and on one line."""

    def parse_args(self, args: Sequence[str] | None = None, namespace: None = None) -> argparse.Namespace:  # type: ignore[override]
        """Parse; the NAME of ``smc why --epochs`` is no option, though it looks like one."""
        given = list(sys.argv[1:] if args is None else args)
        if given[:1] == ["why"] and given[1:2] and given[1] not in ("-h", "--help", "--job", "--json"):
            given[1] = given[1].lstrip("-")
        return super().parse_args(given, namespace)

    def error(self, message: str) -> NoReturn:
        more = f"{self.prog} --help tells more"
        if message.startswith("unrecognized arguments: -"):
            more = f"of a job's hyperparameters: smc run TARGET -p NAME=VALUE; {more}"
        raise ConfigurationError(f"{message} ({more})")


def parser() -> argparse.ArgumentParser:
    """The parser of ``smc``; ``options.handler(options)`` runs what was asked for and gives the exit code."""
    smc = _Parser(
        prog="smc",
        description=_DESCRIPTION,
        epilog=f"{_settings()}\n\n{_EPILOG}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    smc.add_argument("--version", action="version", version=f"smc-core {__version__}")
    commands = smc.add_subparsers(title="commands", metavar="COMMAND", required=True)

    run = _command(commands, "run", _run, "run the training job", EXPLANATION)
    run.usage = "smc run [-h] [-m MODULE] [train | TARGET] [options of a local job]"
    _add_target(run)
    add_options(run)
    add_run_options(run)

    plan = _command(commands, "plan", _plan, "say what would run, and where each value comes from; run nothing")
    _add_target(plan)
    add_options(plan)
    plan.add_argument("--json", action="store_true", help="as JSON")

    _command(commands, "env", _env, "print the Environment of the job as JSON")

    plugins = _command(commands, "plugins", _plugins, "list the plugins, and the hooks in call order")
    plugins.add_argument("--json", action="store_true", help="as JSON")

    jobs = _command(commands, "jobs", _jobs, "list the local jobs of this folder and how they ended")
    jobs.add_argument("--json", action="store_true", help="as JSON")

    logs = _command(commands, "logs", _logs, "print what a local job printed, byte for byte")
    logs.add_argument("job", metavar="JOB", help="name of the job, or its folder")

    why = _command(commands, "why", _why, "say where a value comes from, and what else was considered")
    why.add_argument("name", metavar="NAME", help="a variable, an argument, a hyperparameter, a field or a setting")
    why.add_argument("--job", metavar="JOB", help="a local job, by name or folder, in place of the container's")
    why.add_argument("--json", action="store_true", help="as JSON")

    doctor = _command(commands, "doctor", _doctor, "check this machine or image, and say what to do about problems")
    doctor.add_argument("--index", action="store_true", help="check too that the package index can be reached")
    doctor.add_argument("--json", action="store_true", help="as JSON")
    return smc


def _command(
    commands: argparse._SubParsersAction[_Parser],
    name: str,
    handler: Callable[[argparse.Namespace], int],
    summary: str,
    description: str | None = None,
) -> argparse.ArgumentParser:
    parser = commands.add_parser(
        name,
        help=summary,
        description=description or summary[0].upper() + summary[1:] + ".",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(handler=handler)
    return parser


def _add_target(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "target",
        nargs="?",
        metavar="train | TARGET",
        help='the word "train", or a path (with a "/", or ending in .py or .sh) that takes the place of the '
        "job's entry point; of a local job a file, a folder, an archive or a URL",
    )
    parser.add_argument("-m", dest="module", metavar="MODULE", help="run a module of the code, as python -m does")


def _program(options: argparse.Namespace) -> str | None:
    """The path that the target names, or None for the job's own entry point."""
    target: str | None = options.target
    if target is None or target == "train":
        return None
    if options.module is not None:
        raise ConfigurationError(f"{target!r} and -m {options.module} both name an entry point")
    if target == "serve":
        raise ConfigurationError('smc trains and does not serve: "serve" starts an inference image')
    if "/" in target or target.endswith((".py", ".sh")):
        return target
    raise ConfigurationError(f'{target!r} is neither "train" nor a path; a file of that name is run with ./{target}')


def _run(options: argparse.Namespace) -> int:
    if is_local(options):
        return _without_job(_run_locally, options)
    from smc_core.runner import run

    return run(_program(options), module=options.module)


def _run_locally(options: argparse.Namespace) -> int:
    from smc_core.local import job, record, request
    from smc_core.local.stopping import stop_after

    earlier = None if options.resume is None else record.find_ended(options.resume)
    before = None
    if earlier is not None:
        from smc_core.local.resume import request_of

        before = request_of(earlier, options.variables or (), os.environ)
    return job.run(
        request.from_options(options, before),
        name=options.name,
        job_dir=options.job_dir,
        stop=None if options.stop_after is None else stop_after(options.stop_after),
        earlier=earlier,
    )


def _without_job(handler: Callable[[argparse.Namespace], int], options: argparse.Namespace) -> int:
    """Run a handler whose errors are told, and leave no failure file: they are of no job of a container."""
    from smc_core.process import log

    try:
        return handler(options)
    except SmcError as error:
        return log.failure(error)


def _show(text: str, options: argparse.Namespace) -> None:
    """Print what may hold text from outside; JSON escapes it already."""
    print(text if options.json else printable.in_lines(text))


def _plan(options: argparse.Namespace) -> int:
    from smc_core import inspection
    from smc_core.process.parent.descriptors import stdout_to_stderr

    if not is_local(options):
        with stdout_to_stderr():
            text = inspection.plan(_program(options), options.module, as_json=options.json)
        _show(text, options)
        return 0
    from smc_core.local import job, request

    with job.planned(request.from_options(options), name=options.name, job_dir=options.job_dir):
        with stdout_to_stderr():
            text = inspection.plan(None, options.module, as_json=options.json)
        _show(text, options)
    return 0


def _env(_: argparse.Namespace) -> int:
    from smc_core import inspection
    from smc_core.process.parent.descriptors import stdout_to_stderr

    with stdout_to_stderr():
        text = inspection.environment()
    print(text)
    return 0


def _plugins(options: argparse.Namespace) -> int:
    from smc_core import inspection
    from smc_core.process.parent.descriptors import stdout_to_stderr

    with stdout_to_stderr():
        text, all_work = inspection.plugins(as_json=options.json)
    _show(text, options)
    return 0 if all_work else 3


def _jobs(options: argparse.Namespace) -> int:
    from smc_core.local import listing

    print(listing.jobs(as_json=options.json))
    return 0


def _logs(options: argparse.Namespace) -> int:
    from smc_core.local import listing

    listing.logs(options.job)
    return 0


def _why(options: argparse.Namespace) -> int:
    from smc_core.process.parent.descriptors import stdout_to_stderr
    from smc_core.why import why

    if options.job is None:
        with stdout_to_stderr():
            text = why(options.name, as_json=options.json)
        _show(text, options)
        return 0
    from smc_core.local import job, record

    with job.entered(record.find(options.job)):
        with stdout_to_stderr():
            text = why(options.name, as_json=options.json)
        _show(text, options)
    return 0


def _doctor(options: argparse.Namespace) -> int:
    from smc_core.doctor import doctor
    from smc_core.process.parent.descriptors import stdout_to_stderr

    with stdout_to_stderr():
        text, is_well = doctor(index=options.index, as_json=options.json)
    _show(text, options)
    return 0 if is_well else 1
