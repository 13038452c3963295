"""Run uv or pip: their output is passed on without secrets, and its end is kept for the failure file."""

from __future__ import annotations

import collections
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from smc_core import printable
from smc_core.code.needs.cause import LONGEST_LINE, CauseSearch, is_note
from smc_core.code.needs.index import Index
from smc_core.errors import CodeError
from smc_core.masking import Masker, mask_urls, secret_values
from smc_core.printable import cut

_DEFAULT_INDEX = re.compile(r"index[^.<]*\((?:by\s+)?default:?\s+<?(https?://[^\s>)]+)", re.IGNORECASE)
_NAMED_INDEX = re.compile(r"^[\w-]+=(?=https?://)")
TAIL_LINES = 20
"""How many of the installer's last lines a failure keeps."""
_LONGEST_SHOWN = 16 * 1024
"""Characters shown of a line of the installer."""
_QUIET = {
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    "PIP_NO_INPUT": "1",
    "PIP_PROGRESS_BAR": "off",
    "PIP_ROOT_USER_ACTION": "ignore",
    "UV_NO_PROGRESS": "1",
    "UV_PYTHON_DOWNLOADS": "never",
    "GIT_TERMINAL_PROMPT": "0",
    "PYTHONUNBUFFERED": "1",
}
_UV_OPTIONS = (
    "-i",
    "--index-url",
    "--extra-index-url",
    "-f",
    "--find-links",
    "--no-index",
    "--no-binary",
    "--only-binary",
    "--require-hashes",
    "--trusted-host",
    "--pre",
    "--prefer-binary",
)
"""Options of a requirement file that uv supports, or can ignore without harm."""


@dataclass(frozen=True)
class Installer:
    """A program that installs packages.

    Attributes:
        name: ``uv`` or ``pip``.
        command: its command line, up to the subcommand.
        python: the interpreter that it installs for.
    """

    name: Literal["uv", "pip"]
    command: tuple[str, ...]
    python: str

    def run(self, arguments: Sequence[str], index: Index, environ: Mapping[str, str], cwd: str, what: str) -> None:
        """Install.

        Args:
            arguments: what to install, and options.
            index: where packages come from.
            environ: the variables of the job.
            cwd: the folder of the code.
            what: the name of the requirements in messages.

        Raises:
            CodeError: it failed; the first line says why, and its last lines are the error's details.

        """
        variables = index.uv_variables(environ) if self.name == "uv" else index.pip_variables(environ)
        merged = {**environ, **_QUIET, **variables, **_cache(environ)}
        command = [*self.command, "install", *self._python(), *index.arguments(), *arguments]
        status, cause, tail = _run(command, merged, cwd, Masker({*index.secrets, *secret_values(environ)}))
        if status:
            how = f"exit code {status}" if status > 0 else f"signal {-status}"
            ended = f"{self.name} failed with {how}"
            error = CodeError(
                f"{what} cannot be installed: {cause}\n{ended}" if cause else f"{what} cannot be installed: {ended}"
            )
            error.details = "\n".join(tail)
            raise error

    def index_urls(self, index: Index, environ: Mapping[str, str]) -> list[str]:
        """The indexes that it will use, the main one first.

        The default index of an installer is read from its help.
        """
        main = index.url
        further = index.settings.get("extra-index-url", "").split()
        if self.name == "uv":
            main = environ.get("UV_DEFAULT_INDEX") or environ.get("UV_INDEX_URL") or main
            own = environ.get("UV_INDEX") or environ.get("UV_EXTRA_INDEX_URL")
            further = own.split() if own else further
        urls = [url for url in (main or self._default_index(environ), *further) if url]
        return [_NAMED_INDEX.sub("", url) for url in urls]

    def _default_index(self, environ: Mapping[str, str]) -> str | None:
        ended = subprocess.run(  # noqa: S603 - a list, and no shell
            [*self.command, "install", "--help"], env=dict(environ), capture_output=True, text=True, check=False
        )
        found = _DEFAULT_INDEX.search(ended.stdout)
        return found.group(1) if found else None

    def _python(self) -> list[str]:
        return ["--python", self.python] if self.name == "uv" else []


def find_installer(options: Sequence[str] = (), only_pip: str | None = None, python: str = sys.executable) -> Installer:
    """The installer to use: uv if it is on ``PATH`` or in this environment, else pip.

    Args:
        options: the options in the requirement file; one that uv does not support requires pip.
        only_pip: the reason why it has to be pip; None for none.
        python: the interpreter to install for.

    Raises:
        CodeError: there is neither.

    """
    pip = Installer("pip", (python, "-m", "pip"), python) if _has_module("pip") else None
    uv = _find_uv()
    prefers_pip = only_pip is not None or any(option not in _UV_OPTIONS for option in options)
    if pip is not None and (uv is None or prefers_pip):
        return pip
    if uv is not None:
        return Installer("uv", (uv, "pip"), python)
    raise CodeError('neither uv nor pip is available: run pip install "smc-core[uv]" when building the image')


def _find_uv() -> str | None:
    found = shutil.which("uv")
    if found is None and _has_module("uv"):
        beside = os.path.join(os.path.dirname(sys.executable), "uv")
        found = beside if os.access(beside, os.X_OK) else None
    return found


def _has_module(name: str) -> bool:
    """Whether there is a module of this name, and not only a folder (a namespace package)."""
    spec = importlib.util.find_spec(name)
    return spec is not None and spec.origin is not None


def _cache(environ: Mapping[str, str]) -> dict[str, str]:
    """Variables that turn the cache off if no folder for it is writable; else none."""
    home = environ.get("UV_CACHE_DIR") or environ.get("XDG_CACHE_HOME") or environ.get("HOME")
    if home and os.access(home, os.W_OK):
        return {}
    return {"UV_NO_CACHE": "1", "PIP_NO_CACHE_DIR": "1", "HOME": environ.get("HOME") or tempfile.gettempdir()}


def _run(command: Sequence[str], environ: Mapping[str, str], cwd: str, mask: Masker) -> tuple[int, str, list[str]]:
    """Run a program and pass its lines on; returns its status, the line that says why it failed, and its last lines."""
    tail: collections.deque[str] = collections.deque(maxlen=TAIL_LINES)
    search = CauseSearch()
    process = subprocess.Popen(  # noqa: S603 - a list, and no shell
        list(command),
        env=dict(environ),
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
    )
    try:
        for raw in process.stdout or ():
            line = mask_urls(mask(raw.rstrip("\n")))
            sys.stderr.write(printable.in_a_line(line, _LONGEST_SHOWN) + "\n")
            sys.stderr.flush()
            search.look_at(line)
            if line.strip() and not is_note(line):
                tail.append(cut(line, LONGEST_LINE))
        return process.wait(), search.cause, list(tail)
    finally:
        if process.poll() is None:
            process.terminate()
            _stop(process)


def _stop(process: subprocess.Popen[str], patience: float = 2.0) -> None:
    deadline = time.monotonic() + patience
    try:
        process.wait(max(0.0, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    finally:
        if process.stdout is not None:
            process.stdout.close()
