"""What ``smc doctor`` checks. Nothing of the user's is run."""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple

from smc_core import metadata, start_word
from smc_core.cli.classic import leftovers
from smc_core.compatibility import Framework, is_installed, unmet
from smc_core.contract import (
    BASE_DIR_ENV,
    CODE_DIR_ENV,
    NAMED_PROGRAM_ENV,
    NAMED_SOURCE_ENV,
    REPORT_DIR_ENV,
    job_paths,
)
from smc_core.environment import Environment
from smc_core.errors import ConfigurationError, SmcError
from smc_core.hosts import wait_for_hosts
from smc_core.plugins import Plugins, installed, new_manager, register
from smc_core.process.diagnosis import size_text
from smc_core.resources import cpu_count, gpu_count, installed_gpus, memory_bytes
from smc_core.settings import HOST_WAIT, Family
from smc_core.words import did_you_mean, nearest

LEAST_DISK = 1 << 30
"""Bytes; less room than this is a problem."""
LEAST_SHARED_MEMORY = 1 << 30
"""Bytes; PyTorch's data loaders hand batches over in /dev/shm, of which Docker gives 64 MiB."""
_PREFIX = "SMC_"
_INTERNAL = (CODE_DIR_ENV, NAMED_PROGRAM_ENV, NAMED_SOURCE_ENV, REPORT_DIR_ENV, "SMC_TEST_HOSTS", "SMC_BASE_IMAGE")
"""Variables that smc sets itself, and those of the tests of plugins."""
_SHM = "/dev/shm"  # noqa: S108 - only inspected
_GPU_DRIVER = "/proc/driver/nvidia/version"


class Finding(NamedTuple):
    """What one check has found.

    Attributes:
        check: what was looked at.
        state: ``ok``, ``note`` (worth knowing, and no problem), or ``problem``.
        text: what was found.
        fix: what to do about it; empty if there is nothing to do.
    """

    check: str
    state: Literal["ok", "note", "problem"]
    text: str
    fix: str = ""


def doctor(*, index: bool, as_json: bool) -> tuple[str, bool]:
    """Check this machine or image.

    Args:
        index: also connect to the package index; nothing else leaves this machine.
        as_json: JSON rather than text for people.

    Returns:
        What was found, and whether there is no problem.

    """
    checks = [
        _python,
        _requirements,
        _start_word,
        _classic,
        _plugins,
        _variables,
        _resources,
        _gpus,
        _shared_memory,
        _disks,
        _folders,
        _job,
        _hosts,
    ]
    os.getcwd()  # FileNotFoundError: one message for all checks
    findings = [finding for check in [*checks, *([_index] if index else [])] for finding in _tried(check)]
    problems = [finding for finding in findings if finding.state == "problem"]
    if as_json:
        return json.dumps([finding._asdict() for finding in findings], indent=2), not problems
    lines = [line for finding in findings for line in _lines(finding)]
    count = f"{len(problems)} problem{'s' if len(problems) > 1 else ''}" if problems else "no problems"
    return "\n".join([*lines, count]), not problems


def _tried(check: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    """The findings of a check; an error of smc's own kind is one, too."""
    try:
        yield from check()
    except SmcError as error:
        yield Finding(check.__name__.strip("_"), "problem", str(error), "see the message")


def _lines(finding: Finding) -> Iterator[str]:
    sign = {"ok": "ok     ", "note": "note   ", "problem": "PROBLEM"}[finding.state]
    yield f"{sign}  {finding.check:<14}{finding.text}"
    if finding.fix:
        yield f"{'':<9}{'':<14}fix: {finding.fix}"


def _python() -> Iterator[Finding]:
    version = sys.version.split()[0]
    yield Finding("Python", "ok", f"{version}, {sys.executable}")
    try:
        import ctypes  # noqa: F401 - the import is the check
    except ImportError:
        text = "Python was built without ctypes: a job may outlive an smc that was killed"
        yield Finding("Python", "note", text)


def _requirements() -> Iterator[Finding]:
    wrong = list(unmet("smc-core"))
    if wrong:
        yield Finding("smc-core", "problem", "; ".join(map(str, wrong)), "pip install --upgrade smc-core")
    else:
        yield Finding("smc-core", "ok", f"{metadata.version('smc-core')}, with all its dependencies")


def _start_word() -> Iterator[Finding]:
    yield Finding("train", *start_word.judge(start_word.find()))


def _classic() -> Iterator[Finding]:
    for state, text, fix in leftovers(os.environ):
        yield Finding("classic", state, text, fix)


def _plugins() -> Iterator[Finding]:
    found = installed()
    if not found:
        yield Finding("plugins", "note", "none are installed")
    for plugin in found:
        label = f"{plugin.name} {plugin.version}"
        if plugin.is_left_out:
            yield Finding("plugin", "note", f"{label} is {plugin.choice}: {plugin.left_out_by}")
            continue
        manager = new_manager()
        try:
            register(manager, plugin)
        except SmcError as error:
            yield Finding("plugin", "problem", str(error), f"pip install --upgrade {plugin.distribution}")
            continue
        for _, renamed in manager.deprecated:
            yield Finding("plugin", "note", f"{label}: {renamed}")
        framework = next((found for _, found in manager.frameworks), Framework(""))
        missed = list(unmet(plugin.distribution, framework.extra, framework.package))
        absent = [str(each) for each in missed if each.found is None]
        wrong = [str(each) for each in missed if each.found is not None]
        if wrong:
            fix = f"pip install '{plugin.distribution}[{framework.extra}]'"
            yield Finding("plugin", "problem", f"{label}: {'; '.join(wrong)}", fix)
        else:
            yield Finding("plugin", "note" if absent else "ok", "; ".join([label, *absent]))


def _variables() -> Iterator[Finding]:
    """Variables with the prefix of smc's settings that are none, and malformed ones of a family."""
    known = Plugins.load().settings()
    families = [each for each in known.values() if isinstance(each, Family)]
    for family in families:
        family.variables(os.environ)
    for name in sorted(os.environ):
        is_member = any(name.startswith(family.prefix) for family in families)
        if name.startswith(_PREFIX) and name not in known and not is_member and name not in _INTERNAL:
            text = f"{name} is no setting of smc or of an installed plugin{did_you_mean(nearest(name, known))}"
            yield Finding("variables", "note", text)


def _resources() -> Iterator[Finding]:
    memory = memory_bytes()
    yield Finding("processors", "ok", f"{cpu_count()} for a job")
    yield Finding("memory", "ok", "unknown" if memory is None else f"{size_text(memory)} for a job")


def _gpus() -> Iterator[Finding]:
    there, visible = installed_gpus(), gpu_count()
    if os.path.exists(_GPU_DRIVER) and not there:
        text = "an NVIDIA driver is loaded, but no GPU responds"
        yield Finding("GPUs", "problem", text, "docker run --gpus all; without nvidia-smi: pip install 'smc-core[gpu]'")
    elif visible < there:
        yield Finding("GPUs", "note", f"{visible} of {there}; CUDA_VISIBLE_DEVICES hides the others")
    else:
        yield Finding("GPUs", "ok" if there else "note", str(visible) if there else "none")


def _shared_memory() -> Iterator[Finding]:
    try:
        size = shutil.disk_usage(_SHM).total
    except OSError:
        yield Finding("shared memory", "problem", f"there is no {_SHM}", "mount a tmpfs there")
        return
    text = f"{size_text(size)} in {_SHM}"
    if size >= LEAST_SHARED_MEMORY:
        yield Finding("shared memory", "ok", text)
    elif is_installed("torch"):
        fix = "docker run --shm-size=8g, or DataLoader(num_workers=0)"
        yield Finding("shared memory", "problem", f"{text}: too little for PyTorch's data loaders", fix)
    else:
        yield Finding("shared memory", "note", f"{text}: little for processes that share data")


def _disks() -> Iterator[Finding]:
    seen = set()
    for path in (_base() or os.getcwd(), tempfile.gettempdir()):
        device, state = os.stat(path).st_dev, os.statvfs(path)
        free = state.f_bavail * state.f_frsize
        if device in seen:
            continue
        seen.add(device)
        if free < LEAST_DISK:
            fix = "remove what is not needed, or give the volume more room"
            yield Finding("disk", "problem", f"{size_text(free)} free at {path}", fix)
        elif state.f_files and not state.f_favail:
            yield Finding("disk", "problem", f"no inodes left at {path}", "remove small files")
        else:
            yield Finding("disk", "ok", f"{size_text(free)} free at {path}")


def _base() -> str | None:
    """The base directory, if it exists or was named; None on a machine for local jobs only."""
    base = job_paths().base
    return base if os.path.isdir(base) else None


def _folders() -> Iterator[Finding]:
    paths = job_paths()
    if _base() is None:
        if os.environ.get(BASE_DIR_ENV):
            fix = f"create it, or set {BASE_DIR_ENV} to an existing folder"
            yield Finding("folders", "problem", f"{paths.base} ({BASE_DIR_ENV}) does not exist", fix)
            return
        yield Finding("folders", "note", f"there is no {paths.base}: local jobs only (smc run train.py -p epochs=5)")
        wanted = [os.getcwd()]
    else:
        wanted = [paths.model, paths.output, paths.output_data, paths.code]
    for path in [*wanted, tempfile.gettempdir()]:
        why = _not_writable(path)
        if why is not None:
            fix = f"mount it writable, or make user {os.geteuid()} its owner"
            yield Finding("folders", "problem", f"{path} cannot be written: {why}", fix)
            return
    yield Finding("folders", "ok", f"{', '.join(wanted)}: writable")


def _not_writable(path: str) -> str | None:
    """Why no file can be written to a folder, or to the nearest existing one above it; None if one can."""
    while not os.path.isdir(path):
        path = os.path.dirname(path)
    try:
        with tempfile.NamedTemporaryFile(dir=path, prefix=".smc-doctor-"):
            return None
    except OSError as error:
        return error.strerror or str(error)


def _job() -> Iterator[Finding]:
    if _base() is None:
        return
    try:
        environment = Plugins.load().create_environment()
    except ConfigurationError as error:
        yield Finding("job", "problem", str(error), "correct that file or variable")
        return
    program = environment.user_entry_point or environment.framework_module or "no entry point"
    yield Finding("job", "ok", f"{program}; channels: {', '.join(environment.channel_dirs) or 'none'}")


def _hosts() -> Iterator[Finding]:
    try:
        environment = Environment.create()
    except ConfigurationError:
        return  # the check of the job reports it
    hosts = environment.hosts
    if len(hosts) < 2:
        return
    try:
        wait_for_hosts(hosts, current_host=environment.current_host, environ={HOST_WAIT.name: "2"}, log=lambda _: None)
    except SmcError as error:
        fix = "start all hosts of the job on one network whose DNS knows their names"
        yield Finding("hosts", "problem", str(error), fix)
    else:
        yield Finding("hosts", "ok", f"{', '.join(hosts)}: all names resolve")


def _index() -> Iterator[Finding]:
    from smc_core.code.needs.index import find_index
    from smc_core.code.needs.installer import find_installer
    from smc_core.code.needs.reach import unreachable
    from smc_core.masking import mask_urls

    for url in find_installer().index_urls(find_index(os.getcwd(), os.environ), os.environ):
        name, why = mask_urls(url), unreachable(url, os.environ)
        if why is None:
            yield Finding("index", "ok", f"{name} can be reached")
        else:
            fix = "put wheels in a folder wheels/ beside the code, name one with SMC_WHEELS, or set PIP_INDEX_URL"
            yield Finding("index", "problem", f"{name} cannot be reached: {why}", fix)
