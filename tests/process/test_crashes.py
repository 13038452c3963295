"""Every crash of the corpus is told well: its exit code and first line are what the file's header says.

A file in ``crashes/`` begins with comment lines, in any order:

    # exit: 1
    # first: ValueError: bad data (value_error.py:4, in load)
    # has: a text that the failure file holds        (any number of times)
    # has-not: a text that it does not hold          (likewise)
    # python: 3.11                                   (the oldest version it is for)
    # env: NAME=value                                (any number of times)

``*`` in ``first`` and ``has`` stands for any text. A ``.c`` file is compiled, and ``first`` may be left out.

Python scripts run under a supervisor and the script runner without the steps that prepare a job, which are the same for
all of them; everything else, and one script, by ``smc run``.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import textwrap
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.process.jobs import Job

from smc_core.plan import SCRIPT_RUNNER
from smc_core.testing import JobResult

CRASHES = sorted((Path(__file__).parent / "crashes").iterdir())
BEGIN = 'printf %s "$NOTE" > "$SMC_REPORT_DIR/command.json"; exec "$@"'
"""What prepare does at its end: it notes that the user's code begins, and becomes it."""
SERVER = textwrap.dedent("""
    # Runs one supervised job for each line that it reads, each in a process of its own that is forked from this one.
    import json, os, sys
    from smc_core.process.outcome import handover, text
    from smc_core.process.parent import cleanup, evidence
    from smc_core.process.report import reader
    from smc_core.process.parent.supervisor import supervise

    for line in sys.stdin:
        job = json.loads(line)
        if (pid := os.fork()) == 0:
            for number, name in ((0, os.devnull), (1, job["base"] + "/stdout"), (2, job["base"] + "/stderr")):
                os.dup2(os.open(name, os.O_RDWR | os.O_CREAT, 0o600), number)
            os.chdir(job["base"] + "/code")
            os._exit(supervise(job["command"], base_dir=job["base"], environ=job["environ"]))
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
""")
_HEADER = re.compile(r"^(?:#|//) (exit|first|has|has-not|python|env): (.*)$")


def _header(path: Path) -> dict[str, list[str]]:
    header = defaultdict(list)
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        if match := _HEADER.match(line):
            header[match[1]].append(match[2])
    return header


def _matches(pattern: str, text: str) -> bool:
    return re.search(".*".join(map(re.escape, pattern.split("*"))), text, re.DOTALL) is not None


def _place(path: Path, folder: Path) -> str:
    """Put the crash into the code folder; returns the entry point."""
    if path.suffix != ".c":
        shutil.copy(path, folder)
        (folder / path.name).chmod(0o755)
        return path.name
    if shutil.which("cc") is None:
        pytest.skip("no C compiler")
    subprocess.run(["cc", "-O0", "-o", folder / path.stem, path], check=True)
    return path.stem


@pytest.fixture(scope="module")
def run_script() -> Iterator[Callable[[Job, str], JobResult]]:
    """Runs a Python script of a job's code folder as ``smc run`` does once it has prepared the job."""
    server = subprocess.Popen([sys.executable, "-c", SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def run(job: Job, name: str) -> JobResult:
        note = json.dumps({"signals": "process", "mode": "script", "hosts": 1, "code_dir": str(job.base / "code")})
        command = ["sh", "-c", BEGIN, "sh", sys.executable, SCRIPT_RUNNER, str(job.base / "code" / name)]
        line = {"base": str(job.base), "environ": {**job.environ(), "NOTE": note}, "command": command}
        server.stdin.write(json.dumps(line) + "\n")
        server.stdin.flush()
        code = int(server.stdout.readline())
        stdout, stderr = ((job.base / name).read_text(errors="backslashreplace") for name in ("stdout", "stderr"))
        return job.result(code, stdout, stderr)

    yield run
    server.communicate()
    assert server.returncode == 0


def test_corpus_is_large_enough():
    assert len(CRASHES) >= 40


@pytest.mark.parametrize("path", CRASHES, ids=lambda path: path.name)
def test_crash(path, job, run_script):
    header = _header(path)
    if header["python"] and sys.version_info < tuple(map(int, header["python"][0].split("."))):
        pytest.skip(f"needs Python {header['python'][0]}")
    job.variables.update(pair.split("=", 1) for pair in header["env"])
    name = _place(path, job.base / "code")
    result = run_script(job, name) if path.suffix == ".py" and path.stem != "value_error" else job.run(name)

    assert result.exit_code == int(header["exit"][0]), result.stderr
    assert not result.success
    assert result.failure is not None
    assert len(result.first_line) <= 200
    for first in header["first"]:
        assert _matches(f"\n{first}\n", f"\n{result.first_line}\n"), result.failure[:2000]
    for text in header["has"]:
        assert _matches(text, result.failure), result.failure[:2000]
    for text in header["has-not"]:
        assert not _matches(text, result.failure), result.failure[:2000]
    assert "process/script" not in result.failure
    if "Fatal Python error" not in result.stderr:  # the fault handler lists every frame there is
        assert "process/script" not in result.stderr


def test_the_labels_are_checked(job):
    """A corpus that would pass whatever the labels say proves nothing."""
    job.write("train.py", "raise ValueError('bad')")
    result = job.run("train.py")
    assert result.exit_code == 1
    assert not _matches("\nKeyError: *\n", f"\n{result.first_line}\n")
