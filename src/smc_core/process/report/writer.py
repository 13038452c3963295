"""How a Python process of the job reports an error to the supervisor: one JSON file for each.

``prepare``, the worker and the script runner call this when they fail. When the job has ended, the supervisor reads the
files (``reader.py``) and takes the earliest as the cause. Writing a report never raises, and never changes how the
process ends.
"""

from __future__ import annotations

import os
import sys

from smc_core.printable import cut
from smc_core.process.report.schema import (
    COMMAND_FILE,
    MAX_MESSAGE,
    MAX_NOTE,
    MAX_NOTES,
    MAX_REPORT_BYTES,
    MAX_TRACEBACK,
    REFUSED,
    REPORT_PREFIX,
    RESERVE_FILE,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, Literal

    from smc_core.masking import Masker

USER_PHASES = frozenset({"load", "train", "save", "script"})
"""Steps that run the user's code; an unexpected error in any other is a bug in smc."""


def write_report(error: BaseException, *, phase: str, environ: Mapping[str, str] = os.environ) -> None:
    """Write a report of why this process fails to ``$SMC_REPORT_DIR``, if that is set; never raises.

    A successful exit (``sys.exit(0)``) is not reported. Where the user's code may have replaced modules of the standard
    library, call :func:`smc_core.process.failure.report_failure` instead.

    Args:
        error: the exception, with its traceback.
        phase: what the process was doing: plugins, environment, code, requirements, hosts, launch, load, train,
            save or script.
        environ: the variables of this process.

    """
    try:
        folder = environ.get("SMC_REPORT_DIR")
        if folder and exit_code(error, phase):
            _write_report(error, phase, environ, folder)
    except BaseException:  # noqa: BLE001, S110 - whatever fails here, the reported error matters more
        pass


def note_command(
    signals: Literal["process", "group"], mode: str, hosts: int, environ: Mapping[str, str] = os.environ
) -> None:
    """Report to the supervisor, immediately before exec, that the user's code begins.

    Args:
        signals: what receives the job's signals: the process alone, or its whole process group.
        mode: function, script or the name of a launcher, shown in a failure.
        hosts: number of hosts of the job; where it is 1, failures do not name the host.
        environ: the variables of this process.

    """
    import contextlib
    import json

    from smc_core.contract import REPORT_DIR_ENV, write_atomic

    if folder := environ.get(REPORT_DIR_ENV):
        note = {"signals": signals, "mode": mode, "hosts": hosts, "code_dir": _code_dir(environ)}
        content = json.dumps(note).encode()
        path = os.path.join(folder, COMMAND_FILE)
        try:
            write_atomic(path, content)
        except OSError:  # a full disk: removing the reserve frees its blocks
            with contextlib.suppress(OSError):
                os.unlink(os.path.join(folder, RESERVE_FILE))
                write_atomic(path, content)


def exit_code(error: BaseException, phase: str) -> int:
    """The exit code of a process for an error: the error's own, 1 for the user's, 70 for a bug in smc."""
    if isinstance(error, SystemExit):  # as Python exits: a number modulo 256, and 1 for a text or another object
        if error.code is None:
            return 0
        return error.code & 0xFF if isinstance(error.code, int) else 1
    if isinstance(error, KeyboardInterrupt):
        return 130  # 128 + SIGINT
    errors = sys.modules.get("smc_core.errors")  # an SmcError cannot be raised before it is imported
    if errors is not None and isinstance(error, errors.SmcError):
        return int(error.exit_code)
    return 1 if phase in USER_PHASES else 70


def user_traceback(error: BaseException, environ: Mapping[str, str] = os.environ) -> str:
    """The traceback to show on stderr: it begins at the user's first frame, and secrets are masked."""
    from smc_core.process.report.frames import shown_traceback

    return mask_of(environ)(shown_traceback(_users_own(error), _code_dir(environ)))


def _write_report(error: BaseException, phase: str, environ: Mapping[str, str], folder: str) -> None:
    import time

    report = {"time": time.time(), "monotonic": monotonic(), "pid": os.getpid(), **_whereabouts(environ)}
    write(folder, {**report, "phase": phase, **_description(error, phase, environ)})


def _whereabouts(environ: Mapping[str, str]) -> dict[str, object]:
    """Host and rank of this process, from the contract and the launchers' variables."""
    from smc_core.contract import RANK_VARIABLES, current_host

    rank = next((int(environ[name]) for name in RANK_VARIABLES if environ.get(name, "").isdecimal()), None)
    return {"host": current_host(environ), "rank": rank}


def _description(error: BaseException, phase: str, environ: Mapping[str, str]) -> dict[str, object]:
    """The fields of a report that describe the error; secrets are masked."""
    from smc_core import errors
    from smc_core.process.report import exception_text
    from smc_core.process.report.notes import notes
    from smc_core.process.report.origin import origin

    ours = isinstance(error, errors.SmcError) and not isinstance(error, errors.UserCodeError)
    shown = _users_own(error)
    code_dir = _code_dir(environ)
    mask = mask_of(environ)
    found = origin(shown, code_dir, else_anywhere=shown is not error or not isinstance(error, errors.SmcError))
    sentence, explanation, details = found.message, "", ""
    if isinstance(error, errors.SmcError) and ours and found.error is error:
        sentence, explanation, details = error.sentence, exception_text.explanation(error), error.details
    further = [] if found.type == REFUSED else notes(found.error, code_dir, advise=phase in USER_PHASES)
    if found.surfaced:
        further.insert(0, f"Surfaced as {found.surfaced}")
    # Masked before it is cut: half a secret would no longer be recognised.
    return {
        "kind": _kind(error, phase),
        "type": found.type,
        "message": cut(mask(sentence), MAX_MESSAGE),
        "explanation": cut(mask(explanation), MAX_MESSAGE),
        "details": cut(mask(details), MAX_MESSAGE),
        "exit_call": found.exit_call,
        "exit_code": exit_code(error, phase),
        "expected": ours,
        "traceback": _cut_middle(mask(_traceback(shown, code_dir, ours=ours)), MAX_TRACEBACK),
        "place": exception_text.place_text(found.place, code_dir),
        "child_stderr": None if found.child_stderr is None else mask(found.child_stderr),
        "notes": [cut(mask(" ".join(note.split())), MAX_NOTE) for note in further[:MAX_NOTES]],
    }


def _traceback(error: BaseException, code_dir: str, *, ours: bool) -> str:
    """The traceback from the user's or the plugin's first frame; empty for other errors that smc raises on purpose."""
    from smc_core import errors
    from smc_core.process.report import frames

    if not ours:
        return frames.shown_traceback(error, code_dir)
    if isinstance(error, errors.PluginError) and error.__cause__ is not None:
        import traceback

        return "".join(traceback.format_exception(error.__cause__))
    return ""


def _kind(error: BaseException, phase: str) -> str:
    """Who can fix it: the user, the platform, or the developers of smc."""
    errors = sys.modules["smc_core.errors"]
    if isinstance(error, errors.SmcError):
        return str(error.kind)
    if phase in USER_PHASES or isinstance(error, (KeyboardInterrupt, SystemExit)):
        return "user"
    from smc_core.process.diagnosis import is_disk_full

    return "platform" if isinstance(error, MemoryError) or is_disk_full(error) else "smc"


def _users_own(error: BaseException) -> BaseException:
    """The user's exception behind a UserCodeError, which only says that the user's code failed."""
    errors = sys.modules.get("smc_core.errors")
    cause = error.__cause__
    if cause is not None and errors is not None and isinstance(error, errors.UserCodeError):
        return cause
    return error


def mask_of(environ: Mapping[str, str]) -> Masker:
    """The masker that hides the secrets of this job."""
    from smc_core.contract import HYPERPARAMETERS_FILE, job_paths
    from smc_core.masking import Masker

    return Masker.of_job(environ, os.path.join(job_paths(environ=environ).input_config, HYPERPARAMETERS_FILE))


def _code_dir(environ: Mapping[str, str]) -> str:
    from smc_core.contract import CODE_DIR_ENV, job_paths

    return os.path.abspath(environ.get(CODE_DIR_ENV) or job_paths(environ=environ).code)


def _cut_middle(text: str, limit: int) -> str:
    """Keep the beginning, where the user's frames are, and the end, where the exception is."""
    if len(text) <= limit:
        return text
    half = limit // 2
    return f"{text[:half]}\n… {len(text) - 2 * half:,} characters left out …\n{text[-half:]}"


def _encoded(report: Mapping[str, Any]) -> bytes:
    import json

    room = MAX_TRACEBACK
    while True:
        content = json.dumps(report).encode("ascii")
        if len(content) <= MAX_REPORT_BYTES or room < 100:
            return content
        room //= 2  # the limits count characters, but JSON takes 6 bytes for a non-ASCII one, 12 for an emoji
        report = {
            **report,
            "traceback": _cut_middle(report["traceback"], room),
            **{name: cut(report[name], room) for name in ("message", "explanation", "details")},
        }


def monotonic() -> float:
    """Seconds on the monotonic clock, read by ``clock_gettime``: libraries for tests replace ``time.monotonic``."""
    import time

    return time.clock_gettime(time.CLOCK_MONOTONIC)


def write(folder: str, report: Mapping[str, Any]) -> None:
    """Write the whole report or nothing; on a full disk into the reserve, which one process claims by renaming it."""
    from smc_core.contract import write_atomic

    when = int(report["monotonic"] * 1e9)  # zero-padded in the name: the reader takes the earliest by name
    name = f"{REPORT_PREFIX}{when:020}-{report['host']}-{report['rank']}-{os.getpid()}.json"
    path = os.path.join(folder, name.replace(os.sep, "_"))
    content = _encoded(report)
    try:
        write_atomic(path, content)
    except OSError:
        claimed = f"{path}.claimed"
        os.rename(os.path.join(folder, RESERVE_FILE), claimed)  # atomic: for a second process the reserve is gone
        with open(claimed, "r+b") as file:  # overwritten: truncated first, it would give its blocks back
            file.write(content)
            file.truncate()
        os.rename(claimed, path)
