"""An image with smc and nothing else, and jobs run in containers of it. No registry is asked when it is built or run.

``SMC_BASE_IMAGE`` names the image that it is built on, which must have Python 3.10 or later as ``python3`` with
``venv``; by default ``python:3.12-slim``. ``.ci/run`` makes one from Debian's packages.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.container.engine import BASE_IMAGE, ROOT, Container, answers, build, build_wheel, docker, download, new_name

from smc_core.testing import JobFolder

DOCKERFILE = f"""\
FROM {BASE_IMAGE}
COPY wheels /wheels
RUN python3 -m venv /opt/smc && /opt/smc/bin/pip install --no-index --find-links /wheels --no-cache-dir smc-core
ENV PATH=/opt/smc/bin:$PATH
ENTRYPOINT ["smc", "run"]
"""


@pytest.fixture(scope="session")
def python() -> str:
    """Version of Python in the base image, as ``3.11``."""
    if not answers():
        pytest.skip("no Docker engine answers here (docker info fails)")
    version = "import sys; print('%d.%d' % sys.version_info[:2])"
    return docker("run", "--rm", "--network", "none", BASE_IMAGE, "python3", "-c", version)


@pytest.fixture(scope="session")
def image(python: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Name of the image, built from a folder of wheels with the network off."""
    context = tmp_path_factory.mktemp("image")
    wheel = build_wheel(ROOT, context / "wheels")
    problem = download(context / "wheels", python, [wheel])
    assert problem is None, problem
    (context / "Dockerfile").write_text(DOCKERFILE)
    name = build(context)
    yield name
    docker("image", "rm", "--force", name)


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
        container.remove()


@pytest.fixture
def contain() -> Iterator[Callable[..., Container]]:
    """Start a container of any image, with nothing mounted: ``contain(image, "--user", "1000")``."""
    containers: list[Container] = []

    def start_container(image: str, *options: str, command: tuple[str, ...] = ()) -> Container:
        containers.append(Container(image, None, options, command))
        return containers[-1]

    yield start_container
    for container in containers:
        container.remove()


@pytest.fixture
def network() -> Iterator[str]:
    """Name of a network on which containers find each other, and nothing else."""
    name = new_name()
    docker("network", "create", "--internal", name)
    yield name
    docker("network", "rm", name)


@pytest.fixture
def volume() -> Iterator[str]:
    """Name of a new volume of the engine."""
    name = new_name()
    docker("volume", "create", name)
    yield name
    docker("volume", "rm", "--force", name)
