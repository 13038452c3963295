"""What smc-core, its plugins and sagemaker-training add: installed size, and the size of an image.

The image is measured where a Docker engine answers and ``SMC_BASE_IMAGE`` names an image with the Python that runs this
program, ``python3`` with ``venv`` in it. Nothing is installed into that image but what is measured.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from _environments import CLASSIC, ROOT, SMC, make, table

BUDGET_MB = 20.0
DOCKER = shutil.which("docker")
BASE_IMAGE = os.environ.get("SMC_BASE_IMAGE", "")
OURS = {"smc-core": [SMC]}
OURS |= {f"smc-core and smc-{p.name}": [SMC, str(p)] for p in sorted(ROOT.glob("plugins/*")) if (p / "src").is_dir()}

LIST = """
import importlib.metadata, json
sizes = {}
for distribution in importlib.metadata.distributions():
    name = distribution.metadata["Name"]
    if name not in ("pip", "setuptools", "wheel"):
        files = [distribution.locate_file(file) for file in distribution.files or [] if ".pyc" not in str(file)]
        sizes[name] = sum(file.stat().st_size for file in files if file.is_file())
print(json.dumps(sizes))
"""
DOCKERFILE = """\
ARG BASE_IMAGE
FROM ${BASE_IMAGE} AS wheels
COPY wheels /wheels
RUN python3 -m venv /venv && /venv/bin/pip install --quiet --no-index --prefix=/added /wheels/*.whl
FROM ${BASE_IMAGE}
COPY --from=wheels /added /usr/local
"""


def main() -> int:
    """Measure, print, and judge; exit code 1 where the budget is missed."""
    with tempfile.TemporaryDirectory(prefix="smc-bench-") as name:
        ours = sizes(make(Path(name), "smc", SMC))
        theirs = sizes(make(Path(name), "classic", CLASSIC))
    print("installed size in MB, without bytecode\n")
    for title, found in (("smc-core", ours), ("sagemaker-training", theirs)):
        parts = sorted(found.items(), key=lambda item: -item[1])
        rows = [[title, "MB"], *([name, f"{size / 1e6:.2f}"] for name, size in parts)]
        print(table([*rows, ["in all", f"{sum(found.values()) / 1e6:.2f}"]]), end="\n\n")
    print_images()
    total = sum(ours.values()) / 1e6
    word = "met" if total <= BUDGET_MB else "missed"
    print(f"smc-core with its dependencies: {total:.1f} MB; budget {BUDGET_MB:.0f} MB: {word}")
    return int(total > BUDGET_MB)


def sizes(environment: Path) -> dict[str, int]:
    """Bytes of each distribution of an environment."""
    listing = subprocess.run(
        [str(environment / "bin/python"), "-c", LIST], capture_output=True, text=True, check=True
    ).stdout
    return dict(json.loads(listing))


def print_images() -> None:
    """What each adds to the base image, with bytecode; or a line that says why this cannot be measured."""
    problem = why_no_images()
    if problem is not None:
        print(f"sizes of images are not measured: {problem}\n")
        return
    base = int(docker("image", "inspect", "--format", "{{.Size}}", BASE_IMAGE))
    rows = [[f"added to {BASE_IMAGE} ({base / 1e6:.0f} MB)", "MB", "wheels only"]]
    for title, requirements in {**OURS, "sagemaker-training": [CLASSIC]}.items():
        with tempfile.TemporaryDirectory(prefix="smc-bench-") as context:
            built = collect(Path(context, "wheels"), requirements)
            rows.append([title, f"{(image_size(Path(context)) - base) / 1e6:.1f}", "no" if built else "yes"])
    print(table(rows), end="\n\n")


def why_no_images() -> str | None:
    """What is missing for images; None where nothing is."""
    if DOCKER is None or subprocess.run([DOCKER, "info"], capture_output=True, check=False).returncode:
        return "no Docker engine answers here"
    if not BASE_IMAGE:
        return "SMC_BASE_IMAGE names no image to build on"
    found = docker("run", "--rm", BASE_IMAGE, "python3", "-c", "import sys; print('%d.%d' % sys.version_info[:2])")
    here = "{}.{}".format(*sys.version_info)
    return None if found == here else f"{BASE_IMAGE} has Python {found}, and the wheels made here are for {here}"


def collect(wheels: Path, requirements: list[str]) -> bool:
    """Put wheels of requirements and of what they need into a folder; true where one of an index had to be built."""
    pip = [sys.executable, "-m", "pip", "--quiet", "--quiet", "--disable-pip-version-check"]
    local = [requirement for requirement in requirements if Path(requirement).is_dir()]
    if local:
        subprocess.run([*pip, "wheel", "--no-deps", "--wheel-dir", str(wheels), *local], check=True)
    asked = [str(wheel) for wheel in wheels.glob("*.whl")] or requirements
    ready = [*pip, "download", "--only-binary=:all:", "--dest", str(wheels), *asked]
    if subprocess.run(ready, stderr=subprocess.DEVNULL, check=False).returncode == 0:
        return False
    subprocess.run([*pip, "wheel", "--wheel-dir", str(wheels), *asked], check=True)
    return True


def image_size(context: Path) -> int:
    """Bytes of the base image with the wheels of a folder installed."""
    (context / "Dockerfile").write_text(DOCKERFILE, encoding="utf-8")
    name, stage = f"smc-bench:{context.name.lower()}", f"smc-bench:{context.name.lower()}-wheels"
    build = ["build", "--network", "none", "--build-arg", f"BASE_IMAGE={BASE_IMAGE}"]
    docker(*build, "--target", "wheels", "--tag", stage, str(context))  # it has a name, so that it can be removed
    docker(*build, "--tag", name, str(context))
    size = int(docker("image", "inspect", "--format", "{{.Size}}", name))
    docker("image", "rm", "--force", name, stage)
    return size


def docker(*arguments: str) -> str:
    """What a docker command prints to stdout."""
    ended = subprocess.run([str(DOCKER), *arguments], capture_output=True, text=True, check=False)
    if ended.returncode != 0:
        raise SystemExit(f"docker {' '.join(arguments)}: {ended.stdout}{ended.stderr}")
    return ended.stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
