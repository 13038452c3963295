"""Docker as these tests use it: commands, images built with the network off, containers and what became of them."""

from __future__ import annotations

import functools
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hatchling.builders.wheel import WheelBuilder

from smc_core.testing import JobFolder

ROOT = Path(__file__).parents[2]
BASE_IMAGE = os.environ.get("SMC_BASE_IMAGE", "python:3.12-slim")
SECONDS = 120
"""Within so long a container of these tests has ended."""
BUILD_SECONDS = 400


def docker(*arguments: str, check: bool = True, seconds: float = SECONDS) -> str:
    """What a docker command prints to stdout."""
    return _run(["docker", *arguments], dict(os.environ), seconds, check)


def _run(argv: list[str], environ: dict[str, str], seconds: float, check: bool = True) -> str:
    ended = subprocess.run(argv, env=environ, capture_output=True, text=True, timeout=seconds, check=False)
    assert ended.returncode == 0 or not check, f"{' '.join(argv)}: {ended.stdout}{ended.stderr}"
    return ended.stdout.strip()


def answers() -> bool:
    """Whether there is an engine."""
    return shutil.which("docker") is not None and not subprocess.run(["docker", "info"], capture_output=True).returncode


def new_name() -> str:
    """A name that nothing else of the engine has."""
    return f"smc-test-{uuid.uuid4().hex[:12]}"


def build(context: Path, *options: str) -> str:
    """Build an image from a folder, without a network; returns its name."""
    name = f"smc-test:{uuid.uuid4().hex[:12]}"
    client, environ = _builder()
    _run([client, "build", "--network", "none", "--tag", name, *options, str(context)], environ, BUILD_SECONDS)
    return name


@functools.cache
def _builder() -> tuple[str, dict[str, str]]:
    """A client with BuildKit, which takes half the time of the classic builder; else the first client."""
    kit = {**os.environ, "DOCKER_BUILDKIT": "1"}
    for client in (os.path.join(folder, "docker") for folder in os.get_exec_path()):
        tried = [client, "build", "--help"]
        if os.path.exists(client) and not subprocess.run(tried, env=kit, capture_output=True, check=False).returncode:
            return client, kit
    return "docker", {**os.environ, "DOCKER_BUILDKIT": "0"}


def build_wheel(project: Path, folder: Path) -> Path:
    """Build the wheel of a package of this repository."""
    return Path(next(iter(WheelBuilder(str(project)).build(directory=str(folder), versions=["standard"]))))


def index_environ() -> dict[str, str]:
    """The variables with which pip asks this machine's own package index, which other tests are kept from."""
    mine = {name: text for name, text in os.environ.items() if name != "PIP_CONFIG_FILE"}
    return {**mine, **json.loads(os.environ.get("SMC_TEST_INDEX", "{}"))}


def download(folder: Path, python: str, requirements: Sequence[str | os.PathLike[str]]) -> str | None:
    """Put wheels of packages and of what they need into a folder.

    Args:
        folder: where they are put; what is there already is found too.
        python: version of the interpreter that they are for, as ``3.11``.
        requirements: arguments of pip.

    Returns:
        What pip said if it failed; else None.
    """
    options = ["--quiet", "--only-binary=:all:", "--python-version", python, "--dest", folder, "--find-links", folder]
    ended = subprocess.run(
        [sys.executable, "-m", "pip", "download", *options, *requirements],
        env=index_environ(),
        capture_output=True,
        text=True,
        timeout=BUILD_SECONDS,
        check=False,
    )
    return ended.stderr if ended.returncode else None


class Container:
    """One container.

    Attributes:
        name: its name.
        job: the folder that is mounted at ``/opt/ml``; None where there is none.
    """

    def __init__(
        self, image: str, job: JobFolder | None, options: Sequence[str] = (), command: Sequence[str] = ()
    ) -> None:
        self.name = new_name()
        self.job = job
        mounted = ("--volume", f"{job.base}:/opt/ml") if job else ()
        docker("run", "--detach", "--name", self.name, *mounted, *options, image, *command)

    def wait(self, seconds: float = SECONDS) -> int:
        """Wait for its end; returns the exit code that ``docker inspect`` shows."""
        subprocess.run(["docker", "wait", self.name], capture_output=True, check=True, timeout=seconds)
        return int(self.state["ExitCode"])

    def stop(self, seconds: int = 60) -> int:
        """``docker stop``; returns the exit code."""
        docker("stop", "--time", str(seconds), self.name)
        return self.wait()

    def wait_for(self, text: str) -> None:
        """Wait until it has printed something."""
        follow = ["docker", "logs", "--follow", self.name]
        with subprocess.Popen(follow, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as logs:
            assert logs.stdout is not None
            assert any(text in line for line in logs.stdout), f"it ended without printing {text!r}: {self.log}"
            logs.kill()

    def read(self, path: str) -> str | None:
        """Text of a file below ``/opt/ml`` as the container sees it; None where there is no such file."""
        copied = subprocess.run(["docker", "cp", f"{self.name}:/opt/ml/{path}", "-"], capture_output=True, check=False)
        if copied.returncode:
            return None
        with tarfile.open(fileobj=io.BytesIO(copied.stdout)) as archive:
            file = archive.extractfile(archive.next())  # type: ignore[arg-type]
            assert file is not None, f"{path} is not a file"
            return file.read().decode()

    @property
    def state(self) -> dict[str, Any]:
        """``State`` of ``docker inspect``."""
        return dict(json.loads(docker("inspect", "--format", "{{json .State}}", self.name)))

    @property
    def log(self) -> str:
        """All that it printed, stdout and stderr."""
        ended = subprocess.run(
            ["docker", "logs", self.name], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=True
        )
        return ended.stdout

    @property
    def failure(self) -> str | None:
        """Text of ``output/failure``, if there is one."""
        return self.read("output/failure")

    @property
    def success(self) -> bool:
        """Whether there is ``output/success``."""
        return self.read("output/success") is not None

    def remove(self) -> None:
        """Remove it, running or not."""
        docker("rm", "--force", "--volumes", self.name)
