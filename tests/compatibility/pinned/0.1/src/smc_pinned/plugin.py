"""The hooks that this plugin answers, in the order in which a job calls them.

Every job imports this module, whatever it trains with: import a framework inside the hooks.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Generator
from typing import Any

from smc_core import hookimpl, kit
from smc_core.command import Command
from smc_core.environment import Environment, field
from smc_core.hookspecs import TrainResult
from smc_core.setting import Flag

from smc_pinned.model import MODEL_FILE, Model, save

FRAMEWORK = kit.Framework("pytest")
"""A job that uses it fails early if its version is not one that the extra ``framework`` names."""
QUIET = Flag("SMC_PINNED_QUIET", "print nothing after training", default=False)
SETTINGS = [QUIET]
"""What is set by variables: ``smc why`` reads it."""
LAUNCHER = "pinned"


class PinnedEnvironment(Environment):
    """The Environment, with one more field."""

    world_size: int = field("how many processes train together")


@hookimpl(wrapper=True)
def create_environment() -> Generator[None, Environment, Environment]:
    """Add a field, which ``train`` can ask for by its name. ``yield`` returns what the others created."""
    environment = yield
    return environment.extend(PinnedEnvironment, world_size=os.environ.get("WORLD_SIZE") or 1)


@hookimpl
def launch(environment: Environment, command: Command) -> Command | None:
    """Start the program once for each process of this host, if the job asks for it."""
    if not kit.is_asked_for(LAUNCHER, None, environment, command.environ) or not kit.takes_part(environment):
        return None
    per_host, _ = kit.processes_per_host(environment, command.environ)
    hosts = environment.distribution_hosts
    numbers = (per_host, hosts.index(environment.current_host), len(hosts))
    return command.as_python_under([sys.executable, "-m", "smc_pinned.launcher", *map(str, numbers)], LAUNCHER)


@hookimpl(wrapper=True)
def train(environment: Environment) -> Generator[None, TrainResult | None, TrainResult | None]:
    """Do something before and after training; ``yield`` calls the user's function."""
    begun = time.monotonic()
    result = yield
    if environment.is_primary and not QUIET.of(os.environ):
        print(f"trained in {time.monotonic() - begun:.0f} s", flush=True)
    return result


@hookimpl
def save_model(environment: Environment, model: Any) -> str | None:
    """Save what is ours, and leave every other model to other plugins."""
    if not isinstance(model, Model):
        return None
    path = os.path.join(environment.model_dir, MODEL_FILE)
    if environment.is_primary:
        kit.write_whole(path, lambda place: save(model, place))
    return path
