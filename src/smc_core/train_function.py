"""Checks the user's ``train`` against the values of the job: before its module runs, if its source shows enough."""

from __future__ import annotations

import ast
import os
from collections.abc import Collection, Mapping
from types import ModuleType

from smc_core.environment import Environment
from smc_core.functions import signature
from smc_core.parameters import Signature, function_name, ignored, match
from smc_core.source import TRAIN


def check_source(
    tree: ast.Module, path: str, environment: Environment, environ: Mapping[str, str], taken: Collection[str] = ()
) -> str | None:
    """Check the parameters of ``train`` as its source shows them.

    Args:
        tree: the syntax tree of its module.
        path: the module's file.
        environment: the Environment.
        environ: the variables.
        taken: hyperparameters that plugins read.

    Returns:
        One line about hyperparameters and channels that it does not take; None if there are none, if the module may
        read them in another way, or if the source does not show the parameters of ``train``.

    Raises:
        ConfigurationError: it cannot be called, or ``SMC_STRICT`` is on and something is not taken.

    """
    from smc_core.source.signature import described

    try:
        found = described(tree, TRAIN)
    except RecursionError:
        return None
    if found is None:
        return None
    name = f"{TRAIN}() ({os.path.basename(path)}:{found.line})"
    wanted = Signature(found.parameters, found.annotations, found.takes_all)
    match(wanted, environment, name)
    return None if found.reads_itself else ignored(wanted, environment, name, environ, taken)


def check_loaded(
    module: ModuleType, environment: Environment, environ: Mapping[str, str], taken: Collection[str] = ()
) -> str | None:
    """The same for a loaded module, if :func:`check_source` could not decide.

    Args:
        module: the user's module.
        environment: the Environment.
        environ: the variables.
        taken: hyperparameters that plugins read.

    Raises:
        ConfigurationError: ``SMC_STRICT`` is on and something is not taken.

    """
    function = getattr(module, TRAIN, None)
    if not callable(function):
        return None
    from smc_core.source.signature import described, reads_itself

    try:
        with open(getattr(module, "__file__", None) or "", "rb") as file:
            tree = ast.parse(file.read())
        if described(tree, TRAIN) is not None or reads_itself(tree):
            return None
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    return ignored(signature(function), environment, function_name(function), environ, taken)
