"""The hyperparameter ``seed``, as in smc's other plugins."""

from __future__ import annotations

import sys

from smc_core.environment import Environment
from smc_core.errors import ConfigurationError

SEED = "seed"
"""The hyperparameter that seeds Python, NumPy and PyTorch, with the same number in every process."""


def seed(environment: Environment) -> None:
    """Seed a job that has imported PyTorch, if the hyperparameter is given.

    Args:
        environment: the Environment of the job.

    Raises:
        ConfigurationError: it is not a valid seed.

    """
    torch = sys.modules.get("torch")
    if torch is None or SEED not in environment:
        return
    number = environment[SEED].to_int()
    if not 0 <= number < 2**32:
        raise ConfigurationError(f"hyperparameter {SEED!r} is {number}, not between 0 and 4294967295")
    import random

    random.seed(number)
    if (numpy := sys.modules.get("numpy")) is not None:
        numpy.random.seed(number)
    torch.manual_seed(number)
