"""All that CI runs, one session a part: ``nox`` for everything, ``nox -s lint typing`` for some, ``nox -l`` to list.

A session whose interpreter or engine is not on this machine is skipped, with a line that says why.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nox

nox.needs_version = ">=2026.10"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.download_python = "never"
nox.options.parallel = 2  # tests of processes mostly wait; what is measured or shares an engine runs alone

PYTHONS = ["3.10", "3.11", "3.12", "3.13"]
PLUGINS = [
    "plugins/chainer",
    "plugins/keras",
    "plugins/mpi",
    "plugins/pytorch",
    "plugins/sklearn",
    "plugins/tensorflow",
]
TORCH = "torch==2.13.0"
APART = [f"--ignore=tests/{folder}" for folder in ("container", "docs", "frameworks", "soak")]
"""Tests that other sessions run."""
BY_VERSION = [
    *("tests/unit", "tests/kit", "tests/jobs", "tests/platforms", "tests/plugins", "tests/corpus"),
    *(f"tests/process/test_{name}.py" for name in ("crashes", "endings", "outcome", "reports", "script_mode")),
    *(f"tests/code/test_{name}.py" for name in ("extract", "hostile_archives", "requirements", "simple")),
]
"""Tests of what differs between versions of Python: tracebacks, metadata, tarfile, argparse, annotations, import.
The newest Python runs the whole suite, the others these: a job's processes, sockets and files are the kernel's."""
BY_MACHINE = [f"tests/code/test_{name}.py" for name in ("index", "install", "hosts")]
"""Tests of what reads a machine's settings: with those of BY_VERSION, they run where the settings are hostile."""
SECONDS = "--timeout=400"
"""After so long a test is taken to hang, and fails."""
PROJECT = nox.project.load_toml("pyproject.toml")

_bins = [Path(sys.base_prefix, "bin")]
_pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"), "versions")
if (
    _pyenv.is_dir()
):  # its shims are scripts that start only the versions that are named to them: the programs come first
    _bins += sorted(version / "bin" for version in _pyenv.glob("3.1[0-3].*"))
os.environ["PATH"] = os.pathsep.join([*map(str, _bins), os.environ["PATH"]])
os.environ.setdefault("UV_SYSTEM_CERTS", "1")  # as pip: a company's own authority is in the machine's certificates
FOUND = [version for version in PYTHONS if shutil.which(f"python{version}")]
nox.options.error_on_missing_interpreters = FOUND == PYTHONS  # one that is on PATH is never skipped
if not FOUND:
    raise SystemExit(f"smc is tested on Python {', '.join(PYTHONS)}, and none of them is on PATH")
HOSTILE_PYTHON = FOUND[min(1, len(FOUND) - 1)]
FRAMEWORK_PYTHON = next((version for version in FOUND[1:] if version in ("3.11", "3.12", "3.13")), FOUND[0])


def group(name: str) -> list[str]:
    """The requirements of a dependency group of pyproject.toml."""
    return list(nox.project.dependency_groups(PROJECT, name))


def install_torch(session: nox.Session) -> None:
    """PyTorch by pip, whose settings can lead to a build for CPUs, and which uv does not read.

    Without compiling it: the tests import a tenth of its modules.
    """
    session.install("pip")
    session.run("python", "-m", "pip", "install", "--quiet", "--no-compile", TORCH)


@nox.session(allow_parallel=True)
def lint(session: nox.Session) -> None:
    """Style, format, and the direction of imports."""
    session.install(*group("lint"))
    session.install("--no-deps", "-e", ".", *(f"-e{plugin}" for plugin in PLUGINS))
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")
    session.run("lint-imports")


@nox.session(allow_parallel=True)
def typing(session: nox.Session) -> None:
    """Types, strictly."""
    session.install(*group("typing"), ".[cli,s3,testing]", *PLUGINS)
    session.run("mypy")


@nox.session(python=PYTHONS, allow_parallel=True)
def tests(session: nox.Session) -> None:
    """The core, against the built wheel: everything on the newest Python, on the others what can differ there.

    One of them runs on a machine as companies have them: see hostile().
    """
    session.install(*group("test"), ".[cli,s3,testing,uv]")
    chosen = APART if session.python == FOUND[-1] else [*map(str, filter(os.path.exists, BY_VERSION)), "-m", "not slow"]
    if session.python != HOSTILE_PYTHON:
        session.run("pytest", SECONDS, *chosen, *session.posargs)
        return
    chosen = chosen if session.python == FOUND[-1] else [*BY_MACHINE, *chosen]
    settings = hostile(Path(session.bin).parent / "hostile")
    command = ["sh", "-c", 'umask 077; exec "$@"', "sh", str(Path(session.bin, "pytest"))]
    session.run(*command, SECONDS, *chosen, *session.posargs, env=settings, external=True)


def hostile(folder: Path) -> dict[str, str]:
    """Settings that a machine may have and that are to decide no test, as variables; files lie in the folder.

    A global pip configuration with a constraint and an index that nobody answers, proxies, a module path with a
    train.py, no UTF-8, a HOME that cannot be written, and what the launcher of another job would have left.
    """
    (folder / "pip").mkdir(parents=True, exist_ok=True)
    (folder / "path").mkdir(exist_ok=True)
    (folder / "constraints.txt").write_text("pluggy<0.1\nrequests<1\n")
    nobody = "http://127.0.0.1:1"
    (folder / "pip/pip.conf").write_text(
        f"[global]\nconstraint = {folder}/constraints.txt\nextra-index-url = {nobody}/simple\ntimeout = 1\n"
    )
    (folder / "path/train.py").write_text("raise SystemExit('the train.py of PYTHONPATH was taken')\n")
    return {
        "XDG_CONFIG_DIRS": str(folder),
        "PYTHONPATH": str(folder / "path"),
        "LC_ALL": "C",
        "HOME": "/proc",
        "http_proxy": nobody,
        "HTTPS_PROXY": nobody,
        "PIP_INDEX_URL": f"{nobody}/simple",
        "UV_INDEX_URL": f"{nobody}/simple",
        "SMC_STOP_GRACE": "0",
        "SMC_LAUNCHER": "none",
        "SAGEMAKER_PROGRAM": "other.py",
        "RANK": "3",
        "WORLD_SIZE": "4",
    }


@nox.session(default=False)
def soak(session: nox.Session) -> None:
    """2,000 stops at random moments, 500 more as PID 1, 500 of local jobs, all exit codes: nox -s soak."""
    session.install(*group("test"), ".[cli,s3,testing,uv]")
    session.run("pytest", "tests/soak", *session.posargs)


@nox.session(name="plugin-keras", python=FRAMEWORK_PYTHON, allow_parallel=True)
def plugin_keras(session: nox.Session) -> None:
    """The Keras plugin on each backend, then all plugins together."""
    install_torch(session)
    session.install(*group("test"), *group("keras"), ".", "plugins/keras")
    session.run("pytest", SECONDS, "plugins/keras/tests", *session.posargs)
    session.run("pytest", SECONDS, "tests/docs", "-k", "keras.md")
    session.install("plugins/pytorch", "plugins/tensorflow")
    session.run("pytest", SECONDS, "tests/frameworks")


@nox.session(name="plugin-mpi", python=FRAMEWORK_PYTHON, allow_parallel=True)
def plugin_mpi(session: nox.Session) -> None:
    """The MPI plugin: real ranks of Open MPI, on one host and on two."""
    session.install(*group("test"), *group("mpi"), ".", "plugins/mpi")
    session.run("pytest", SECONDS, "plugins/mpi/tests", *session.posargs)
    session.run("pytest", SECONDS, "tests/docs", "-k", "mpi.md")


@nox.session(name="plugin-pytorch", python=FRAMEWORK_PYTHON, allow_parallel=True)
def plugin_pytorch(session: nox.Session) -> None:
    """The PyTorch plugin: alone, under torchrun, on two hosts."""
    install_torch(session)
    session.install(*group("test"), *group("pytorch"), ".", "plugins/pytorch")
    session.run("pytest", SECONDS, "plugins/pytorch/tests", *session.posargs)
    session.run("pytest", SECONDS, "tests/docs", "-k", "pytorch.md")


@nox.session(name="plugin-sklearn", python=FRAMEWORK_PYTHON, allow_parallel=True)
def plugin_sklearn(session: nox.Session) -> None:
    """The scikit-learn plugin: models by skops and by joblib."""
    session.install(*group("test"), *group("sklearn"), ".", "plugins/sklearn")
    session.run("pytest", SECONDS, "plugins/sklearn/tests", *session.posargs)
    session.run("pytest", SECONDS, "tests/docs", "-k", "sklearn.md")


@nox.session(name="plugin-tensorflow", python=FRAMEWORK_PYTHON, allow_parallel=True)
def plugin_tensorflow(session: nox.Session) -> None:
    """The TensorFlow plugin: alone, with mirrored workers and with parameter servers, on two hosts."""
    session.install(*group("test"), *group("tensorflow"), ".", "plugins/tensorflow")
    session.run("pytest", SECONDS, "plugins/tensorflow/tests", *session.posargs)
    session.run("pytest", SECONDS, "tests/docs", "-k", "tensorflow.md")


@nox.session(name="plugin-chainer", python="3.11", allow_parallel=True)
def plugin_chainer(session: nox.Session) -> None:
    """The Chainer plugin, with the last Chainer, whose own build needs an old setuptools."""
    session.install("setuptools<60", "wheel", "numpy<1.24")
    session.install("--no-build-isolation", "chainer==7.8.1")
    session.install("numpy<1.24", *group("test"), "scikit-learn<1.4", ".", "plugins/chainer")
    session.run("pytest", SECONDS, "plugins/chainer/tests", *session.posargs)
    session.run("pytest", SECONDS, "tests/docs", "-k", "chainer.md")


@nox.session(allow_parallel=True)
def docs(session: nox.Session) -> None:
    """The pages, warnings being errors, and every block in them, run."""
    session.install(*group("test"), *group("docs"), ".")
    session.run("sphinx-build", "-W", "-E", "--keep-going", "-q", "-b", "html", "docs", "docs/_build/html")
    session.run("pytest", SECONDS, "tests/docs", *session.posargs)


@nox.session(allow_parallel=True)
def build(session: nox.Session) -> None:
    """The distributions, built, and installed from their wheels into a clean environment."""
    dist = Path(session.create_tmp(), "dist").resolve()
    shutil.rmtree(dist, ignore_errors=True)
    session.install("build", *(["uv"] if session.venv_backend == "uv" else []))
    installer = "uv" if session.venv_backend == "uv" else "pip"  # of what builds a project, once for each of them
    for project in [".", *PLUGINS]:
        session.run("python", "-m", "build", "--installer", installer, "--outdir", str(dist), project, silent=True)
    clean = Path(session.create_tmp(), "clean")
    session.run("python", "-m", "venv", "--clear", str(clean))
    wheels = sorted(str(wheel) for wheel in dist.glob("*.whl"))
    session.run(str(clean / "bin/pip"), "install", "--quiet", "--find-links", str(dist), *wheels, external=True)
    for arguments in (["--version"], ["--help"], ["plugins"]):
        session.run(str(clean / "bin/smc"), *arguments, external=True)


@nox.session(venv_backend="none")
def demo(session: nox.Session) -> None:
    """The README's first command, as it stands there."""
    readme = Path("README.md").read_text(encoding="utf-8")
    command = re.search(r"^python3 -m venv \.venv-demo .*$", readme, re.MULTILINE)
    if command is None:
        session.error("README.md has no line that begins with: python3 -m venv .venv-demo")
    quick = {"PIP_NO_COMPILE": "0"}  # 0 turns it on: the demo imports a tenth of what is unpacked
    session.run("bash", "-euo", "pipefail", "-c", command[0], env=quick, external=True)


@nox.session(default=False)
def bench(session: nox.Session) -> None:
    """What smc costs beside its peers: a measurement, and no test. nox -s bench -- startup hosts --quick."""
    session.install("uv")
    session.run("python", "-m", "benchmarks", *session.posargs)


@nox.session
def container(session: nox.Session) -> None:
    """Jobs in real containers. DOCKER_HOST and SMC_BASE_IMAGE tell which engine, and which image to build on."""
    docker = shutil.which("docker")
    if docker is None or subprocess.run([docker, "info"], capture_output=True, check=False).returncode:
        session.skip("no Docker engine answers here (docker info fails), so no test of containers was run")
    session.install(*group("test"), "build", ".")
    session.run("pytest", SECONDS, "tests/container", *session.posargs)
