"""The examples' own Dockerfiles, built from wheels with the network off, and a digits job trained in each image."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.container.engine import (
    BASE_IMAGE,
    BUILD_SECONDS,
    ROOT,
    Container,
    build,
    build_wheel,
    docker,
    download,
    index_environ,
)

from smc_core.testing import JobFolder

EXAMPLES = ["keras_digits", "pytorch_digits", "tensorflow_digits"]
"""Each has a Dockerfile that installs smc-core, its plugin and its requirements.txt from ./wheels."""
CPU_TORCH = "torch==2.13.0+cpu"
"""No other build of PyTorch is ever fetched: those for GPUs take gigabytes."""
TRAIN_SECONDS = 300
ONE_THREAD = ("--env", "OMP_NUM_THREADS=1")
"""More are no quicker with so few numbers, and much slower where another program has the other core."""


class NotHereError(Exception):
    """A framework that cannot be had on this machine."""


def _image(name: str, python: str, context: Path) -> str:
    """Build the image of an example from a copy of its folder; returns the image's name."""
    shutil.copytree(ROOT / "examples" / name, context, ignore=shutil.ignore_patterns("demo", "__pycache__"))
    plugin = ROOT / "plugins" / name.partition("_")[0]
    ours = [build_wheel(project, context / "wheels") for project in (ROOT, plugin)]
    constraints = context / "constraints.txt"
    constraints.write_text(CPU_TORCH)
    asked = [*ours, "--requirement", context / "requirements.txt", "--constraint", constraints]
    problem = download(context / "wheels", python, asked)
    if problem and CPU_TORCH in problem:
        raise NotHereError(f"pip finds no {CPU_TORCH} for Python {python} here")
    assert problem is None, problem
    arguments = {"BASE_IMAGE": BASE_IMAGE, "PIP_FIND_LINKS": "/build", "PIP_NO_INDEX": "1"}
    image = build(context, *(word for item in arguments.items() for word in ("--build-arg", "=".join(item))))
    shutil.rmtree(context)
    return image


@pytest.fixture(scope="module")
def images(
    request: pytest.FixtureRequest, python: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Future[str]]]:
    """The image of each example that is asked for; two are built at a time, the last while jobs run in the first."""
    calls = [item.callspec.params for item in request.session.items if hasattr(item, "callspec")]
    wanted = dict.fromkeys(params["example"] for params in calls if "example" in params)
    with ThreadPoolExecutor(2) as pool:
        folder = tmp_path_factory.mktemp("examples")
        built = {name: pool.submit(_image, name, python, folder / name) for name in wanted}
        yield built
    names = [image.result() for image in built.values() if not image.exception()]
    if names:
        docker("image", "rm", "--force", *names)


@pytest.fixture(scope="module", params=EXAMPLES)
def example(request: pytest.FixtureRequest, images: dict[str, Future[str]]) -> str:
    """Name of the image of an example."""
    try:
        return images[request.param].result()
    except NotHereError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A job folder with the digits, as examples/digits/prepare_data.py writes it."""
    packages, folder = tmp_path_factory.mktemp("packages"), tmp_path_factory.mktemp("digits")
    install = ["install", "--quiet", "--no-compile", "--only-binary=:all:", "--target", packages, "scikit-learn"]
    subprocess.run([sys.executable, "-m", "pip", *install], check=True, env=index_environ(), timeout=BUILD_SECONDS)
    prepare = [sys.executable, ROOT / "examples/digits/prepare_data.py", folder]
    environ = {**os.environ, "PYTHONPATH": str(packages), "PYTHONDONTWRITEBYTECODE": "1"}
    subprocess.run(prepare, check=True, env=environ, timeout=BUILD_SECONDS)
    shutil.rmtree(packages)
    return folder


@pytest.fixture
def job(digits: Path, tmp_path: Path) -> JobFolder:
    """A job on the digits, in a folder where everybody can write."""
    shutil.copytree(digits, tmp_path / "ml")
    job = JobFolder(tmp_path / "ml")
    for place in (job.base, *job.base.rglob("*")):
        place.chmod(0o777)
    return job


@pytest.mark.parametrize("program", ["train.py", "train_script.py"])
def test_it_trains_as_a_user_without_a_network_and_the_model_is_good(
    example: str, contain: Callable[..., Container], job: JobFolder, program: str
) -> None:
    options = ("--network", "none", "--volume", f"{job.base}:/opt/ml", *ONE_THREAD)
    trained = contain(example, *options, "--env", f"SAGEMAKER_PROGRAM={program}", command=("train",))
    assert trained.wait(TRAIN_SECONDS) == 0, trained.log
    assert trained.success
    assert (job.base / "output/success").stat().st_uid != 0
    evaluate = ("--entrypoint", "python", "--read-only", "--tmpfs", "/tmp")
    evaluated = contain(example, *options, *evaluate, command=("/opt/digits/evaluate.py", "/opt/ml"))
    assert evaluated.wait(TRAIN_SECONDS) == 0, evaluated.log
    assert "accuracy: 0.9" in evaluated.log


def test_its_user_is_not_root_and_nothing_of_the_build_is_left(example: str) -> None:
    shell = 'id -u; ls -d /build; find /opt /home /tmp -name "*.whl"'
    printed = docker("run", "--rm", "--entrypoint", "sh", example, "-c", f"({shell}) 2>/dev/null", check=False)
    assert printed.isdecimal()
    assert int(printed) != 0
