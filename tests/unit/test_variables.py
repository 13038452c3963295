"""The variables of the script."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from smc_core import hyperparameters
from smc_core.arguments import check_arguments
from smc_core.environment import Environment
from smc_core.launching import processes_per_host
from smc_core.testing import JobFolder
from smc_core.variables import Variable, process_environ, script_variables, variable_text

CLASSIC = (
    "SM_HOSTS SM_CURRENT_HOST SM_NETWORK_INTERFACE_NAME SM_CURRENT_INSTANCE_TYPE SM_CURRENT_INSTANCE_GROUP "
    "SM_CURRENT_INSTANCE_GROUP_HOSTS SM_INSTANCE_GROUPS SM_INSTANCE_GROUPS_DICT SM_DISTRIBUTION_INSTANCE_GROUPS "
    "SM_IS_HETERO SM_RESOURCE_CONFIG SM_INPUT_DATA_CONFIG SM_HPS SM_USER_ARGS SM_FRAMEWORK_PARAMS SM_CHANNELS "
    "SM_MODEL_DIR SM_INPUT_DIR SM_INPUT_CONFIG_DIR SM_OUTPUT_DIR SM_OUTPUT_DATA_DIR SM_OUTPUT_INTERMEDIATE_DIR "
    "SM_USER_ENTRY_POINT SM_MODULE_NAME SM_MODULE_DIR SM_FRAMEWORK_MODULE SM_LOG_LEVEL SM_NUM_CPUS SM_NUM_GPUS "
    "SM_NUM_NEURONS SM_TRAINING_ENV"
).split()
SDK_V3 = (
    "SM_MASTER_ADDR SM_MASTER_PORT SM_HOST_COUNT SM_CURRENT_HOST_RANK SM_INPUT_DATA_DIR SM_OUTPUT_FAILURE "
    "SM_SOURCE_DIR SM_ENTRY_SCRIPT"
).split()


def variables(job: JobFolder, **environ: str) -> dict[str, str]:
    env = Environment.create(environ={"SAGEMAKER_BASE_DIR": str(job.base), **environ})
    return {name: variable.text for name, variable in script_variables(env).items()}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("abc", "abc"),
        (None, ""),
        (True, "true"),
        (3, "3"),
        ([1, "a"], '[1,"a"]'),
        ({"b": 1, "a": 2}, '{"a":2,"b":1}'),
        ("é", "é"),
        (["é"], '["\\u00e9"]'),
    ],
)
def test_formats_are_the_classic_ones(value: object, text: str) -> None:
    assert variable_text(value) == text


def test_every_name_of_the_table_is_there(job: JobFolder) -> None:
    assert set(CLASSIC + SDK_V3) <= set(variables(job))
    assert "SM_TOPOLOGY" not in variables(job)


def test_values_of_a_job_with_everything(job: JobFolder) -> None:
    job.hosts("algo-1", "algo-2", current="algo-2", topology=[{"hostName": "algo-1", "capacityUnitId": "u"}])
    job.channel("training")
    job.channel("val.A-b")
    job.raw_hyperparameters(
        {
            "batch-size": "32",
            "lr": "0.10",
            "layers": "[64, 32]",
            "opt": '"adam"',
            "amp": "true",
            "none": "null",
            "sagemaker_program": "train.py",
        }
    )
    found = variables(job, TRAINING_JOB_NAME="job-1")
    expected = {
        "SM_HOSTS": '["algo-1","algo-2"]',
        "SM_CURRENT_HOST": "algo-2",
        "CURRENT_HOST": "algo-2",
        "SM_CURRENT_HOST_RANK": "1",
        "SM_HOST_COUNT": "2",
        "SM_MASTER_ADDR": "algo-1",
        "SM_MASTER_PORT": "7777",
        "SM_CHANNELS": '["training","val.A-b"]',
        "SM_CHANNEL_TRAINING": str(job.base / "input/data/training"),
        "SM_CHANNEL_VAL.A-B": str(job.base / "input/data/val.A-b"),
        "SM_CHANNEL_VAL_A_B": str(job.base / "input/data/val.A-b"),
        "SM_HP_BATCH-SIZE": "32",
        "SM_HP_BATCH_SIZE": "32",
        "SM_HP_LR": "0.10",
        "SM_HP_LAYERS": "[64,32]",
        "SM_HP_OPT": "adam",
        "SM_HP_AMP": "true",
        "SM_HP_NONE": "",
        "SM_USER_ENTRY_POINT": "train.py",
        "SM_ENTRY_SCRIPT": "train.py",
        "SM_MODULE_NAME": "train",
        "SM_FRAMEWORK_PARAMS": "{}",
        "SM_FRAMEWORK_MODULE": "",
        "SM_LOG_LEVEL": "20",
        "SM_IS_HETERO": "false",
        "SM_OUTPUT_FAILURE": str(job.base / "output/failure"),
        "SM_TOPOLOGY": '[{"capacityUnitId":"u","hostName":"algo-1"}]',
        "SAGEMAKER_JOB_NAME": "job-1",
    }
    assert {name: found.get(name) for name in expected} == expected
    assert json.loads(found["SM_HPS"]) == {
        **{"batch-size": 32, "lr": 0.1, "layers": [64, 32], "opt": "adam"},
        **{"amp": True, "none": None},
    }
    assert json.loads(found["SM_USER_ARGS"])[:2] == ["--amp", "True"]
    training_env = json.loads(found["SM_TRAINING_ENV"])
    assert training_env["channel_input_dirs"]["training"].endswith("input/data/training")
    assert training_env["num_cpus"] == int(found["SM_NUM_CPUS"])
    assert training_env["is_master"] is False


def test_an_exact_name_wins_over_a_readable_twin(job: JobFolder) -> None:
    job.raw_hyperparameters({"a-b": "dash", "a_b": "underscore"})
    found = variables(job)
    assert (found["SM_HP_A-B"], found["SM_HP_A_B"]) == ("dash", "underscore")


def test_what_the_kernel_cannot_pass_is_left_out_and_the_process_starts(job: JobFolder) -> None:
    job.raw_hyperparameters({"big": "x" * 131_072, "nul": '"a\\u0000b"', "half": '"\\ud800"', "lr": "1"})
    env = Environment.create(environ={"SAGEMAKER_BASE_DIR": str(job.base)})
    environ, left_out = process_environ(env, os.environ)
    assert {v.name for v in left_out} == {
        *("SM_HP_BIG", "SM_HP_NUL", "SM_HP_HALF"),
        *("SM_HPS", "SM_USER_ARGS", "SM_TRAINING_ENV"),
    }
    script = "import os; print(os.environ['SM_HP_LR'], 'SM_HPS' in os.environ)"
    output = subprocess.run([sys.executable, "-c", script], env=environ, check=True, capture_output=True, text=True)
    assert output.stdout == "1 False\n"


def test_the_largest_value_that_fits_is_passed() -> None:
    name = "SM_HP_X"
    assert Variable(name, "x" * (131_072 - len(name) - 2), "").fits
    assert not Variable(name, "x" * (131_072 - len(name) - 1), "").fits
    subprocess.run(["/bin/true"], env={name: "x" * (131_072 - len(name) - 2)}, check=True)
    with pytest.raises(OSError, match="too long"):
        subprocess.run(["/bin/true"], env={name: "x" * (131_072 - len(name) - 1)}, check=True)


def test_pythonpath_gets_the_code_directory_in_front_and_nothing_else(job: JobFolder) -> None:
    env = Environment.create(environ={"SAGEMAKER_BASE_DIR": str(job.base)})
    assert process_environ(env, {})[0]["PYTHONPATH"] == env.code_dir
    assert process_environ(env, {"PYTHONPATH": "/a:/b"})[0]["PYTHONPATH"] == f"{env.code_dir}:/a:/b"


def test_python_defaults_yield_to_the_user(job: JobFolder) -> None:
    env = Environment.create(environ={"SAGEMAKER_BASE_DIR": str(job.base)})
    environ, _ = process_environ(env, {"PYTHONUNBUFFERED": "", "MINE": "1", "SM_HOSTS": "stale"})
    assert (environ["PYTHONUNBUFFERED"], environ["PYTHONFAULTHANDLER"], environ["MINE"]) == ("", "1", "1")
    assert environ["SM_HOSTS"] != "stale"


def test_a_value_is_decoded_once_on_its_way_to_the_script(job: JobFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: list[str] = []
    parse = hyperparameters.parse_json

    def counting(text: str, **options: Any) -> Any:
        parsed.append(text)
        return parse(text, **options)

    monkeypatch.setattr(hyperparameters, "parse_json", counting)
    texts = {"layers": "[64, 32]", "lr": "0.10", "optimizer": "adam", "sagemaker_mpi_num_of_processes_per_host": "2"}
    job.raw_hyperparameters(texts)
    env = Environment.create(base_dir=str(job.base), environ={})
    process_environ(env, {})
    check_arguments(env.user_args, env.hp_texts, env.argument_style)
    assert processes_per_host(env, {})[0] == 2
    assert sorted(text for text in parsed if text in texts.values()) == sorted(texts.values())
