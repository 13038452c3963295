"""An image with smc and nothing else, and jobs run in containers of it. No registry is asked when it is built or run.

``SMC_BASE_IMAGE`` names the image that it is built on, which must have Python 3.10 or later as ``python3`` with
``venv``; by default ``python:3.12-slim``. ``.ci/run`` makes one from Debian's packages.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hatchling.builders.wheel import WheelBuilder

from smc_core.testing import JobFolder

ROOT = Path(__file__).parents[2]
BASE_IMAGE = os.environ.get("SMC_BASE_IMAGE", "python:3.12-slim")
SECONDS = 120

DOCKERFILE = f"""\
FROM {BASE_IMAGE}
COPY wheels /wheels
RUN python3 -m venv /opt/smc && /opt/smc/bin/pip install --no-index --find-links /wheels --no-cache-dir smc-core
ENV PATH=/opt/smc/bin:$PATH
ENTRYPOINT ["smc", "run"]
"""


def docker(*arguments: str, check: bool = True) -> str:
    """What a docker command prints to stdout."""
    ended = subprocess.run(["docker", *arguments], capture_output=True, text=True, timeout=SECONDS * 3, check=False)
    assert ended.returncode == 0 or not check, f"docker {' '.join(arguments)}: {ended.stdout}{ended.stderr}"
    return ended.stdout.strip()


@pytest.fixture(scope="session")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Name of the image, built from a folder of wheels with the network off."""
    if shutil.which("docker") is None or subprocess.run(["docker", "info"], capture_output=True).returncode:
        pytest.skip("no Docker engine answers here (docker info fails)")
    context = tmp_path_factory.mktemp("image")
    python = docker("run", "--rm", BASE_IMAGE, "python3", "-c", "import sys; print('%d.%d' % sys.version_info[:2])")
    wheel = next(iter(WheelBuilder(str(ROOT)).build(directory=str(context / "wheels"), versions=["standard"])))
    download = ["--quiet", "--only-binary=:all:", "--python-version", python, "--dest", str(context / "wheels")]
    subprocess.run([sys.executable, "-m", "pip", "download", *download, wheel], check=True, timeout=SECONDS * 3)
    (context / "Dockerfile").write_text(DOCKERFILE)
    name = f"smc-test:{uuid.uuid4().hex[:12]}"
    docker("build", "--network", "none", "--tag", name, str(context))
    yield name
    docker("image", "rm", "--force", name)


class Container:
    """One container with a job's folder at ``/opt/ml``.

    Attributes:
        name: its name.
        job: the folder.
    """

    def __init__(self, image: str, job: JobFolder, options: tuple[str, ...], command: tuple[str, ...]) -> None:
        self.name = f"smc-test-{uuid.uuid4().hex[:12]}"
        self.job = job
        docker("run", "--detach", "--name", self.name, "--volume", f"{job.base}:/opt/ml", *options, image, *command)

    def wait(self) -> int:
        """Wait for its end; returns the exit code that ``docker inspect`` shows."""
        subprocess.run(["docker", "wait", self.name], capture_output=True, check=True, timeout=SECONDS)
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
        path = self.job.base / "output/failure"
        return path.read_text() if path.exists() else None

    @property
    def success(self) -> bool:
        """Whether there is ``output/success``."""
        return (self.job.base / "output/success").exists()


@pytest.fixture
def start(image: str, job: JobFolder) -> Iterator[Any]:
    """Start a container: ``start("print('hello')", "--init")``; the code becomes ``train.py``."""
    containers: list[Container] = []

    def start_container(
        code: str, *options: str, command: tuple[str, ...] = (), folder: JobFolder | None = None, **variables: str
    ) -> Container:
        used = folder or job
        used.code(train_py=code).hyperparameters(sagemaker_program="train.py")
        settings = [word for name, text in variables.items() for word in ("--env", f"{name}={text}")]
        containers.append(Container(image, used, (*settings, *options), command))
        return containers[-1]

    yield start_container
    for container in containers:
        docker("rm", "--force", "--volumes", container.name)


@pytest.fixture
def network() -> Iterator[str]:
    """Name of a network on which containers find each other, and nothing else."""
    name = f"smc-test-{uuid.uuid4().hex[:12]}"
    docker("network", "create", "--internal", name)
    yield name
    docker("network", "rm", name)
