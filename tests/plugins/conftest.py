"""Plugins as real distributions: built into wheels with hatchling, and installed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest
from hatchling.builders.wheel import WheelBuilder

PYPROJECT = """\
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"
[project]
name = "smc-{name}"
version = "{version}"
dependencies = {requires}
[project.entry-points."smc.plugins"]
{name} = "smc_{name}{entry_point}"
[tool.hatch.build.targets.wheel]
packages = ["smc_{name}"]
"""

BODIES = {
    "timing": """
from smc_core import hookimpl

@hookimpl(wrapper=True)
def train(environment, module):
    print("timing: before", flush=True)
    result = yield
    print("timing: after", result.model, flush=True)
    return result
""",
    "world": """
from smc_core import Environment, hookimpl

class WorldEnvironment(Environment):
    world_size: int

@hookimpl(wrapper=True)
def create_environment(base_dir):
    environment = yield
    return environment.extend(WorldEnvironment, world_size=7 * len(environment.hosts))
""",
    "textmodel": """
from smc_core import hookimpl

@hookimpl
def save_model(environment, model):
    if not isinstance(model, str):
        return None
    path = environment.model_dir + "/model.txt"
    with open(path, "w") as file:
        file.write(model)
    return path
""",
    "alaunch": """
import sys
from smc_core import hookimpl

@hookimpl
def launch(environment, command):
    if environment.framework_params.get("sagemaker_alaunch"):
        code = "import os, sys; print('alaunch:', sys.argv[1:2], flush=True); os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"
        return command.as_python_under([sys.executable, "-c", code], "alaunch", {"ALAUNCH": "1"})
""",
    "claunch": """
import sys
from smc_core import hookimpl

CODE = '''
import os, sys
print("claunch:", *sys.argv[1:sys.argv.index(next(word for word in sys.argv if word.endswith("run.sh")))], flush=True)
os.execv(sys.argv[1], sys.argv[1:])
'''

@hookimpl
def launch(command):
    return command.under([sys.executable, "-c", CODE], "claunch", {"CLAUNCH": "1"})
""",
    "blaunch": """
from smc_core import hookimpl

@hookimpl
def launch(command):
    return command.with_variables({}, "blaunch")
""",
    "looking": """
import importlib.util
from smc_core import ConfigurationError, hookimpl

@hookimpl
def launch(command):
    if importlib.util.find_spec("smc_timing") is None:
        raise ConfigurationError("what the job requires is not there")
""",
    "broken": "import a_framework_that_is_not_installed\n",
    "misspelt": "from smc_core import hookimpl\n\n@hookimpl\ndef save_modell(model): ...\n",
    "wrongargs": """
from smc_core import hookimpl

@hookimpl(specname="launch")
def start_it(command): ...

@hookimpl
def save_model(mdoel): ...
""",
    "wrongtrain": "from smc_core import hookimpl\n\n@hookimpl\ndef train(module): return 42\n",
}


class Distributions:
    """Builds a plugin's distribution once, and installs any set of them into a folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.wheels: dict[str, str] = {}

    def build(
        self,
        name: str,
        body: str,
        *,
        version: str = "1.2.3",
        distribution: str | None = None,
        requires: Sequence[str] = (),
    ) -> str:
        """The wheel of a plugin whose only module has this body."""
        key = distribution or name
        if key not in self.wheels:
            source = self.root / key
            package = source / f"smc_{name}"
            package.mkdir(parents=True)
            package.joinpath("__init__.py").write_text(f'NAMESPACE = "{name}"\n')
            package.joinpath("plugin.py").write_text(body)
            text = PYPROJECT.format(
                name=name, version=version, entry_point=".plugin", requires=json.dumps(list(requires))
            )
            source.joinpath("pyproject.toml").write_text(text.replace(f'name = "smc-{name}"', f'name = "smc-{key}"'))
            builder = WheelBuilder(str(source))
            self.wheels[key] = next(iter(builder.build(directory=str(self.root / "wheels"), versions=["standard"])))
        return self.wheels[key]

    def install(self, target: Path, wheels: list[str]) -> dict[str, str]:
        """Install wheels with uv into a folder, and return the variables with which Python finds it."""
        options = ["--quiet", "--no-deps", "--no-index", "--python", sys.executable, "--target", str(target)]
        subprocess.run([sys.executable, "-m", "uv", "pip", "install", *options, *wheels], check=True)
        path = [str(target), os.environ.get("PYTHONPATH", "")]
        return {"PYTHONPATH": ":".join(filter(None, path))}


@pytest.fixture(scope="session")
def distributions(tmp_path_factory: pytest.TempPathFactory) -> Distributions:
    return Distributions(tmp_path_factory.mktemp("distributions"))


@pytest.fixture
def install(distributions: Distributions, tmp_path: Path) -> Callable[..., Mapping[str, str]]:
    """Install plugins by name: ``install("timing", "world")`` gives the variables for ``job.run``."""

    def install_plugins(*names: str) -> Mapping[str, str]:
        wheels = [distributions.build(name, BODIES[name]) for name in names]
        return distributions.install(tmp_path / "site", wheels)

    return install_plugins


@pytest.fixture
def bodies() -> Mapping[str, str]:
    """The modules of the plugins, by name."""
    return BODIES
