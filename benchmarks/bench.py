"""What the topics share in one run: virtual environments, each created once, job folders, and how long to measure."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.cases import SkipError
from benchmarks.processes import plain_environ

ROOT = Path(__file__).parents[1]
PLUGINS = ("chainer", "keras", "mpi", "pytorch", "tensorflow")
CLASSIC = "sagemaker-training"
TORCH = "torch==2.13.0"
TEN = (
    *("boto3>=1.30", "joblib", "numpy>=1.24", "pandas>=2", "pillow"),
    *("pyyaml>=6", "requests", "rich", "scikit-learn", "tqdm"),
)
"""Packages of a usual image."""
_SHOWN_VERSIONS = ("smc-core", CLASSIC, "torch", "boto3", "pip", "uv")
_VERSIONS = """
import importlib.metadata, json
print(json.dumps({each.metadata["Name"]: each.version for each in importlib.metadata.distributions()}))
"""


@dataclass(frozen=True)
class Venv:
    """A virtual environment."""

    folder: Path

    @property
    def python(self) -> str:
        """Path of its interpreter."""
        return self.program("python")

    @property
    def site_packages(self) -> Path:
        """Where its distributions are."""
        return next(self.folder.glob("lib/python3*/site-packages"))

    def program(self, name: str) -> str:
        """Path of one of its programs."""
        return str(self.folder / "bin" / name)

    def versions(self) -> dict[str, str]:
        """Version of each distribution in it."""
        exited = subprocess.run([self.python, "-c", _VERSIONS], capture_output=True, text=True, check=True)
        return dict(json.loads(exited.stdout))


@dataclass
class Bench:
    """One run of the benchmarks.

    Attributes:
        folder: where everything is written.
        rounds: how often a comparison is repeated.
        quick: whether little time is to be spent.
        versions: of what has been measured, by name.
    """

    folder: Path
    rounds: int
    quick: bool
    versions: dict[str, str] = field(default_factory=dict)
    _venvs: dict[str, Venv | SkipError] = field(default_factory=dict)
    _wheels: dict[str, Path] = field(default_factory=dict)

    @property
    def few_rounds(self) -> int:
        """How often something is repeated that has several points on a line."""
        return min(self.rounds, 2 if self.quick else 7)

    def smc(self, *plugins: str, extra: str = "") -> Venv:
        """An environment with smc-core, an extra of it, and these plugins, without their frameworks."""
        name = "-".join(filter(None, ["smc", extra, *plugins])) if plugins != PLUGINS else "smc-all-plugins"
        return self.venv(name, ours=("", *plugins), extra=extra)

    def classic(self) -> Venv:
        """An environment with sagemaker-training."""
        return self.venv("sagemaker-training", CLASSIC)

    def with_torch(self) -> Venv:
        """An environment with smc-pytorch and PyTorch. pip installs it, because it can find a CPU build."""
        if self.quick:
            raise SkipError("PyTorch takes a minute to install: in the full run only")
        return self.venv("torch", TORCH, "numpy", ours=("", "pytorch"), with_uv=False)

    def venv(
        self, name: str, *requirements: str, ours: Sequence[str] = (), extra: str = "", with_uv: bool = True
    ) -> Venv:
        """An environment with what is asked for and nothing else; one of this name is created once.

        Args:
            name: its name.
            *requirements: what to install.
            ours: distributions of this repository: "" for smc-core, else a plugin.
            extra: an extra of smc-core.
            with_uv: whether uv may create it, where it is on PATH.

        Raises:
            SkipError: it cannot be installed here.

        """
        if name not in self._venvs:
            try:
                asked = [*requirements, *(self._our(each, extra) for each in ours)]
                asked += [] if requirements else ["--only-binary", ":all:"]  # what smc needs is never compiled
                self._venvs[name] = self._make(name, asked, with_uv=with_uv)
            except subprocess.CalledProcessError as error:
                last = (error.stderr or error.stdout or "").strip().splitlines()[-1:]
                self._venvs[name] = SkipError(f"{name} cannot be installed: {''.join(last)}")
        made = self._venvs[name]
        if isinstance(made, SkipError):
            raise made
        return made

    def _make(self, name: str, install: list[str], *, with_uv: bool) -> Venv:
        made = Venv(self.folder / "venvs" / name)
        uv = shutil.which("uv") if with_uv else None
        print(f"creating the environment {name} ...", file=sys.stderr, flush=True)
        if uv:
            _quietly(uv, "venv", "--quiet", "--seed", "--python", sys.executable, str(made.folder))
            _quietly(uv, "pip", "install", "--quiet", "--python", made.python, *install)
        else:
            _quietly(sys.executable, "-m", "venv", str(made.folder))
            _quietly(made.python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *install)
        found = {each.replace("_", "-"): version for each, version in made.versions().items()}
        self.versions.update({each: found[each] for each in _SHOWN_VERSIONS if each in found})
        return made

    def _our(self, plugin: str, extra: str) -> str:
        """A distribution of this repository, as a requirement."""
        url = self._wheel(plugin).as_uri()
        return f"smc-{plugin} @ {url}" if plugin else f"smc-core[{extra}] @ {url}" if extra else f"smc-core @ {url}"

    def _wheel(self, plugin: str) -> Path:
        """The wheel of smc-core ("") or of a plugin, built once."""
        if plugin not in self._wheels:
            source = ROOT / "plugins" / plugin if plugin else ROOT
            target = self.folder / "wheels" / (plugin or "core")
            uv = shutil.which("uv")
            if uv:
                _quietly(uv, "build", "--quiet", "--wheel", "--out-dir", str(target), str(source))
            else:
                options = ("--quiet", "--disable-pip-version-check", "--no-deps", "--wheel-dir", str(target))
                _quietly(sys.executable, "-m", "pip", "wheel", *options, str(source))
            self._wheels[plugin] = next(target.glob("*.whl"))
        return self._wheels[plugin]

    def job(
        self,
        name: str,
        script: str = "",
        hyperparameters: Mapping[str, str] | None = None,
        channels: Sequence[str] = (),
        hosts: Sequence[str] = ("localhost",),
    ) -> dict[str, str]:
        """A job that smc and the classic toolkit can both run, with every file of the contract.

        Args:
            name: of its folder.
            script: text of its ``train.py``.
            hyperparameters: its hyperparameters.
            channels: names of its channels.
            hosts: its hosts, of which this is the first.

        Returns:
            The variables to run it with; ``SAGEMAKER_BASE_DIR`` is its folder.

        """
        base = self.folder / "jobs" / name
        for folder in ("code", "input/config", "input/data", "model", "output/data"):
            (base / folder).mkdir(parents=True, exist_ok=True)
        (base / "code/train.py").write_text(script)
        channel = {"TrainingInputMode": "File", "S3DistributionType": "FullyReplicated", "RecordWrapperType": "None"}
        for file, content in {
            "hyperparameters.json": {"sagemaker_program": "train.py", **(hyperparameters or {})},
            "inputdataconfig.json": dict.fromkeys(channels, channel),
            "resourceconfig.json": {"current_host": hosts[0], "hosts": sorted(hosts), "network_interface_name": "lo"},
        }.items():
            (base / "input/config" / file).write_text(json.dumps(content))
        for each in channels:
            (base / "input/data" / each).mkdir(exist_ok=True)
        return {**plain_environ(), "SAGEMAKER_BASE_DIR": str(base)}

    def room(self) -> int:
        """Bytes that are free where this run writes."""
        return shutil.disk_usage(self.folder).free


def write_distributions(folder: Path, count: int, entry_points: str = "", code: str = "") -> str:
    """Distributions as an installer leaves them, in a folder for PYTHONPATH; returns the folder.

    Args:
        folder: where they are written.
        count: how many.
        entry_points: text of their ``entry_points.txt``, with ``{name}`` for the name of each one's module.
        code: text of their modules.

    """
    for number in range(count):
        name = f"bench_item_{number}"
        info = folder / f"{name}-1.0.dist-info"
        info.mkdir(parents=True, exist_ok=True)
        summary = "Summary: A distribution among many\nRequires-Python: >=3.8\n"
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n{summary}\nText.\n")
        (info / "RECORD").write_text(f"{name}.py,,\n")
        if entry_points:
            (info / "entry_points.txt").write_text(entry_points.format(name=name))
        (folder / f"{name}.py").write_text(code)
    folder.mkdir(parents=True, exist_ok=True)
    return str(folder)


def _quietly(*command: str) -> None:
    """Run a command of an installer, with the machine's own settings for it."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}
    subprocess.run(command, env=environ, capture_output=True, text=True, check=True)
