"""Where a setting of a job is looked up, and which place takes precedence: variables and platform hyperparameters."""

# Annotations are objects here, not text: Python would compile the text for each field of a NamedTuple at every start.

from collections.abc import Mapping
from typing import NamedTuple

from smc_core.contract import (
    CODE_DIR_ENV,
    ENABLE_METRICS_PARAM,
    JOB_NAME_ENV,
    JOB_NAME_PARAM,
    LOG_LEVEL_ENV,
    LOG_LEVEL_PARAM,
    MASTER_PORT_ENV,
    NAMED_PROGRAM_ENV,
    NAMED_SOURCE_ENV,
    PROGRAM_ENV,
    PROGRAM_PARAM,
    REGION_PARAM_NAME,
    SUBMIT_DIR_ENV,
    SUBMIT_DIR_PARAM,
    TRAINING_MODULE_ENV,
)
from smc_core.hyperparameters import Value, unwrapped
from smc_core.native import as_path
from smc_core.provenance import DEFAULT, Source

PLACES: dict[str, tuple[str, ...]] = {
    "code_dir": (CODE_DIR_ENV,),
    "user_entry_point": (NAMED_PROGRAM_ENV, PROGRAM_ENV, PROGRAM_PARAM),
    "enable_metrics": (ENABLE_METRICS_PARAM,),
    "log_level": (LOG_LEVEL_ENV, LOG_LEVEL_PARAM),
    "module_dir": (NAMED_SOURCE_ENV, SUBMIT_DIR_PARAM, SUBMIT_DIR_ENV),
    "framework_module": (TRAINING_MODULE_ENV,),
    "job_name": ("TRAINING_JOB_NAME", JOB_NAME_ENV, JOB_NAME_PARAM),
    "region": ("AWS_REGION", "SAGEMAKER_REGION", REGION_PARAM_NAME),
    "master_port": (MASTER_PORT_ENV,),
}
"""Field of the Environment → the variables (in capitals) and hyperparameters that set it: the first with a value.

Submitted values take precedence over those of the image. An image's ENV and a job's variables cannot be distinguished,
but a hyperparameter can only come from the job.
"""
_OF_WHAT_WAS_SUBMITTED = (NAMED_PROGRAM_ENV, PROGRAM_PARAM, PROGRAM_ENV)


def places(field: str, params: Mapping[str, str]) -> tuple[str, ...]:
    """The places where a field is looked up, in order.

    Args:
        field: a key of :data:`PLACES`.
        params: the platform's hyperparameters: if they name the submitted code, they also name its entry point.

    """
    if field == "user_entry_point" and params.get(SUBMIT_DIR_PARAM):
        return _OF_WHAT_WAS_SUBMITTED
    return PLACES[field]


def is_internal(place: str) -> bool:
    """Whether smc itself sets a place, from the command line."""
    return place in (NAMED_PROGRAM_ENV, NAMED_SOURCE_ENV)


def is_param(place: str) -> bool:
    """Whether a place is a hyperparameter rather than a variable."""
    return not place.isupper()


def source_of(place: str) -> Source:
    """A place as the source of a value."""
    if is_internal(place):
        return Source("command line")
    return Source("hyperparameter" if is_param(place) else "variable", place)


class Found(NamedTuple):
    """The value found for a field.

    Attributes:
        value: the text; None if there is none.
        source: where it was found.
    """

    value: Value | None
    source: Source


def look_up(field: str, environ: Mapping[str, str], params: Mapping[str, str]) -> Found:
    """The value of a field from the first place that has one.

    Args:
        field: a key of :data:`PLACES`.
        environ: the variables.
        params: the platform's hyperparameters, as text.

    """
    for place in places(field, params):
        text = (params if is_param(place) else environ).get(place)
        if text:
            text = as_path(unwrapped(text))  # most fields are paths or names; for others it changes nothing
            return Found(Value(text, place, "hyperparameter" if is_param(place) else "variable"), source_of(place))
    return Found(None, DEFAULT)


class PassedOver(NamedTuple):
    """A value that is overridden by another one.

    Attributes:
        field: the field of the Environment.
        place: where it was found.
        value: the overridden value.
    """

    field: str
    place: str
    value: str


def passed_over(
    field: str, value: str | None, environ: Mapping[str, str], params: Mapping[str, str]
) -> list[PassedOver]:
    """The values that were given for a field but differ from its actual value.

    Args:
        field: a key of :data:`PLACES`.
        value: the actual value.
        environ: the variables.
        params: the platform's hyperparameters, as text.

    """
    found = []
    for place in places(field, params):
        given = params.get(place) if is_param(place) else environ.get(place)
        text = "" if given is None else str(Value(as_path(unwrapped(given)), place))
        if text and text != value:
            found.append(PassedOver(field, place, text))
    return found
