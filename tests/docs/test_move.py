"""The page for those who come from ``sagemaker-training``, held against the code."""

from __future__ import annotations

import re
from pathlib import Path

from smc_core import Environment
from smc_core.contract import CLASSIC_PARAMS, DEFAULT_MODULE_NAME_PARAM, SAGEMAKER_HPS, TUNING_METRIC_PARAM
from smc_core.settings import CORE
from smc_core.testing import JobFolder
from smc_core.variables import process_environ

PAGE = (Path(__file__).parents[2] / "docs/how-to/move-from-sagemaker-training.md").read_text(encoding="utf-8")
FIRST_CELLS = "".join(re.findall(r"^\|[^|]*\|", PAGE, re.MULTILINE))
NAMES = set(re.findall(r"`([\w<>]+)`", FIRST_CELLS))


def test_every_variable_that_smc_sets_has_a_row(job: JobFolder) -> None:
    job.channel("training")
    job.config("hyperparameters.json", {"epochs": "1"})
    job.config("resourceconfig.json", {"current_host": "a", "hosts": ["a"], "topology": [{"hostName": "a"}]})
    environ = {"TRAINING_JOB_NAME": "one", "AWS_REGION": "eu-west-1"}
    environment = Environment.create(base_dir=str(job.base), environ=environ)
    expected = {re.sub(r"^(SM_CHANNEL|SM_HP)_.*", r"\1_<NAME>", name) for name in process_environ(environment, {})[0]}
    assert {"SM_TOPOLOGY", "SM_CHANNEL_<NAME>", "SM_HP_<NAME>", "SAGEMAKER_REGION", "PYTHONPATH"} <= expected
    assert expected - NAMES == set()


def test_every_setting_that_the_classic_toolkit_had_has_a_row() -> None:
    shared = {name for name in CORE if not name.startswith("SMC_")}
    platform = {*SAGEMAKER_HPS, *CLASSIC_PARAMS} - {TUNING_METRIC_PARAM, DEFAULT_MODULE_NAME_PARAM}
    assert (shared | platform) - NAMES == set()
