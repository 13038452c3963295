"""The variables that a host of a local job is started with."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

from smc_core import submitted
from smc_core.contract import (
    BASE_DIR_ENV,
    CODE_DIR_ENV,
    CURRENT_HOST_ENV,
    JOB_NAME_ENV,
    MODE_ENV,
    NAMED_PROGRAM_ENV,
    NAMED_SOURCE_ENV,
    PROGRAM_ENV,
    REPORT_DIR_ENV,
    SUBMIT_DIR_ENV,
    TRAINING_MODULE_ENV,
    JobPaths,
)
from smc_core.local import needs
from smc_core.local.record import Record
from smc_core.local.request import Request
from smc_core.local.target import Code
from smc_core.settings import HYPERPARAMETER

JOB_NAME_VARIABLE = "TRAINING_JOB_NAME"
_OF_ANOTHER_JOB = frozenset(
    {
        BASE_DIR_ENV,
        CODE_DIR_ENV,
        CURRENT_HOST_ENV,
        JOB_NAME_ENV,
        JOB_NAME_VARIABLE,
        "TRAINING_JOB_ARN",
        NAMED_PROGRAM_ENV,
        NAMED_SOURCE_ENV,
        PROGRAM_ENV,
        REPORT_DIR_ENV,
        SUBMIT_DIR_ENV,
        TRAINING_MODULE_ENV,
    }
)
"""Variables of this process that would describe another job; every ``SM_*`` is dropped, too."""


def host_variables(
    record: Record, code: Code, paths: JobPaths, inherited: Mapping[str, str], python: str = sys.executable
) -> dict[str, str]:
    """The variables that one host of the job is started with.

    Args:
        record: the job.
        code: its code.
        paths: the folders of the host.
        inherited: the variables of this process; they are kept, except for those that describe another job.
        python: the interpreter.

    """
    request = record.request
    kept = {n: text for n, text in inherited.items() if n not in _OF_ANOTHER_JOB and not n.startswith("SM_")}
    # The name of a training job means SageMaker to whoever asks where a job is; other platforms name theirs themselves.
    ours = {BASE_DIR_ENV: paths.base} | ({} if record.site else {JOB_NAME_VARIABLE: record.job_name})
    if request.mode is not None:
        ours[MODE_ENV] = request.mode
    result = _as_laid_out({**kept, **ours, **request.variables, **code.variables(paths)}, request, paths)
    if request.venv:
        from smc_core.local.venvs import venv_variables

        result = venv_variables(python, result)
    return {**result, **needs.requirements_variables(request, code)}


def _as_laid_out(variables: Mapping[str, str], request: Request, paths: JobPaths) -> dict[str, str]:
    """The variables, with those of channels naming their links, and without those that an option has overridden."""
    result = dict(variables)
    for name, variable in HYPERPARAMETER.variables(variables).items():
        if request.hyperparameters.get(name) != variables[variable]:
            del result[variable]
    given = submitted.channels(variables, files=True)
    for name, path in given.values.items():
        if request.channels.get(name) == path:
            result[given.variables[name]] = os.path.join(paths.input_data, name)
        else:
            del result[given.variables[name]]
    return result
