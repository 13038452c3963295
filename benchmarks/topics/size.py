"""Size: what is installed, without bytecode; and what an image gains, with it.

The image is measured where a Docker engine answers and ``SMC_BASE_IMAGE`` names an image with the Python that runs
this, and with ``venv``. Nothing is installed into it but what is measured.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from benchmarks.bench import CLASSIC, PLUGINS, ROOT, Bench, Venv
from benchmarks.cases import MB, Budget, Case, Claim, Comparison, Skip
from benchmarks.measuring import Way

TITLE = "Installed size"
BUDGET = Budget(most=20.0)
PEER = "sagemaker-training"
DOCKER = shutil.which("docker")
BASE_IMAGE = os.environ.get("SMC_BASE_IMAGE", "")
LIST = """
import importlib.metadata, json
size = 0
for distribution in importlib.metadata.distributions():
    if distribution.metadata["Name"] not in ("pip", "setuptools", "wheel"):
        files = [distribution.locate_file(file) for file in distribution.files or [] if ".pyc" not in str(file)]
        size += sum(file.stat().st_size for file in files if file.is_file())
print(json.dumps(size))
"""
DOCKERFILE = """\
ARG BASE_IMAGE
FROM ${BASE_IMAGE} AS wheels
COPY wheels /wheels
RUN python3 -m venv /venv && /venv/bin/pip install --quiet --no-index --prefix=/added /wheels/*.whl
FROM ${BASE_IMAGE}
COPY --from=wheels /added /usr/local
"""


def cases(bench: Bench) -> Iterator[Case]:
    """smc-core with its dependencies, with its plugins, and the classic toolkit."""
    ways = {"smc": _installed(bench.smc()), "smc, 5 plugins": _installed(bench.smc(*PLUGINS))}
    yield Comparison(
        "installed",
        {**ways, PEER: _installed(bench.classic())},
        [
            Claim("smc-core and what it needs, wheels only", "smc", None, "size", MB, BUDGET),
            Claim("smc-core and what it needs", "smc", PEER, "size", MB),
            Claim("the same with 5 plugins, without frameworks", "smc, 5 plugins", PEER, "size", MB),
        ],
        rounds=1,
    )
    problem = "it takes minutes: in the full run only" if bench.quick else why_no_images()
    if problem is not None:
        yield Skip("size of an image", problem)
        return
    yield Comparison(
        "image",
        {"smc": _added(bench.smc(), str(ROOT)), PEER: _added(bench.classic(), CLASSIC)},
        [Claim(f"added to the image {BASE_IMAGE}", "smc", PEER, "size", MB)],
        rounds=1,
    )


def _installed(venv: Venv) -> Way:
    def way() -> Mapping[str, float]:
        exited = subprocess.run([venv.python, "-c", LIST], capture_output=True, text=True, check=True)
        return {"size": float(json.loads(exited.stdout))}

    return way


def why_no_images() -> str | None:
    """What is missing for images; None where nothing is."""
    if DOCKER is None or subprocess.run([DOCKER, "info"], capture_output=True, check=False).returncode:
        return "no Docker engine answers here"
    if not BASE_IMAGE:
        return "SMC_BASE_IMAGE names no image to build on"
    version = ("python3", "-c", "import sys; print('%d.%d' % sys.version_info[:2])")
    found, here = docker("run", "--rm", BASE_IMAGE, *version), "{}.{}".format(*sys.version_info)
    return None if found == here else f"{BASE_IMAGE} has Python {found}, and the wheels built here are for {here}"


def _added(venv: Venv, requirement: str) -> Way:
    """Bytes that the base image gains by a requirement."""

    def way() -> Mapping[str, float]:
        with tempfile.TemporaryDirectory(prefix="smc-bench-") as context:
            collect(venv.python, Path(context, "wheels"), [requirement])
            return {"size": float(image_size(Path(context)) - _image_bytes(BASE_IMAGE))}

    return way


def collect(python: str, wheels: Path, requirements: Sequence[str]) -> None:
    """Put wheels of requirements and of what they need into a folder; what has none is built."""
    pip = [python, "-m", "pip", "--quiet", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "wheel", "--wheel-dir", str(wheels), *requirements], check=True)


def image_size(context: Path) -> int:
    """Bytes of the base image with the wheels of a folder installed."""
    (context / "Dockerfile").write_text(DOCKERFILE, encoding="utf-8")
    name, stage = f"smc-bench:{context.name.lower()}", f"smc-bench:{context.name.lower()}-wheels"
    build = ["build", "--network", "none", "--build-arg", f"BASE_IMAGE={BASE_IMAGE}"]
    docker(*build, "--target", "wheels", "--tag", stage, str(context))  # it has a name, so that it can be removed
    docker(*build, "--tag", name, str(context))
    size = _image_bytes(name)
    docker("image", "rm", "--force", name, stage)
    return size


def _image_bytes(name: str) -> int:
    return int(docker("image", "inspect", "--format", "{{.Size}}", name))


def docker(*arguments: str) -> str:
    """What a docker command prints to stdout."""
    exited = subprocess.run([str(DOCKER), *arguments], capture_output=True, text=True, check=False)
    if exited.returncode != 0:
        raise RuntimeError(f"docker {' '.join(arguments)}: {exited.stdout}{exited.stderr}")
    return exited.stdout.strip()
