"""Hyperparameters and channels that variables set: their names, their values, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from smc_core import submitted
from smc_core.environment import Environment
from smc_core.errors import ConfigurationError
from smc_core.provenance import Source
from smc_core.testing import JobFolder


@pytest.mark.parametrize(
    ("variable", "name"),
    [
        ("SMC_HP_EPOCHS", "epochs"),
        ("SMC_HP_BATCH_SIZE", "batch_size"),
        ("SMC_HP_BATCH-SIZE", "batch-size"),
        ("SMC_HP_learningRate", "learningRate"),
        ("SMC_HP_Lr", "Lr"),
        ("SMC_HP_L2", "l2"),
        ("SMC_HP_7", "7"),
        ("SMC_HP_SAGEMAKER_PROGRAM", "sagemaker_program"),
    ],
)
def test_a_name_in_capitals_is_read_in_lower_case_and_any_other_as_it_is(variable: str, name: str) -> None:
    assert submitted.hyperparameters({variable: "1", "SMC_HOOK_PATIENCE": "1"}) == ({name: "1"}, {name: variable})


def test_the_value_of_a_hyperparameter_is_its_text_even_an_empty_one() -> None:
    assert submitted.hyperparameters({"SMC_HP_A": "", "SMC_HP_B": " 1.10 "}).values == {"a": "", "b": " 1.10 "}


@pytest.mark.parametrize(
    ("environ", "message"),
    [
        ({"SMC_HP_": "5"}, "variable SMC_HP_ names nothing: expected SMC_HP_<NAME>"),
        ({"SMC_HP_A": "5", "SMC_HP_a": "5"}, "variables SMC_HP_A and SMC_HP_a both set 'a' .*: unset one of them"),
        ({"SMC_HP_A-B": "5", "SMC_HP_a-b": "6"}, "variables SMC_HP_A-B and SMC_HP_a-b both set 'a-b'"),
    ],
)
def test_a_malformed_hyperparameter_is_named(environ: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigurationError, match=f"^{message}"):
        submitted.hyperparameters(environ)


def test_a_channel_is_a_folder_and_an_empty_variable_is_none(tmp_path: Path) -> None:
    environ = {"SMC_CHANNEL_TRAINING": str(tmp_path), "SMC_CHANNEL_VALIDATION": " "}
    assert submitted.channels(environ).values == {"training": str(tmp_path)}


def test_a_relative_channel_is_absolute_from_then_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    assert submitted.channels({"SMC_CHANNEL_A": "data"}).values == {"a": str(tmp_path / "data")}


@pytest.mark.parametrize(
    ("variable", "path", "message"),
    [
        ("SMC_CHANNEL_", ".", "names nothing"),
        ("SMC_CHANNEL_A/B", ".", "a channel name has 1 to 64 letters"),
        ("SMC_CHANNEL_..", ".", "a channel name has 1 to 64 letters"),
        ("SMC_CHANNEL_A", "s3://bucket/a", "is s3://bucket/a: a channel is a folder of this machine; mount it"),
        ("SMC_CHANNEL_A", "/nowhere/at/all", "/nowhere/at/all does not exist"),
        ("SMC_CHANNEL_A", __file__, "is a file, and a channel is a folder"),
    ],
)
def test_a_malformed_channel_is_named(variable: str, path: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=f"^variable {variable}.*{message}"):
        submitted.channels({variable: path})


def test_a_local_job_links_a_file_too() -> None:
    assert submitted.channels({"SMC_CHANNEL_A": __file__}, files=True).values == {"a": __file__}


def create(job: JobFolder, **variables: str) -> Environment:
    return Environment.create(environ={"SAGEMAKER_BASE_DIR": str(job.base), **variables})


def test_variables_win_over_the_files_of_the_contract(job: JobFolder, tmp_path: Path) -> None:
    job.hyperparameters(epochs=3, lr=0.1)
    for name in ("training", "test"):
        job.channel(name)
    env = create(job, SMC_HP_EPOCHS="5", SMC_HP_SEED="7", SMC_CHANNEL_TRAINING=str(tmp_path))
    assert env.hp_texts == {"epochs": "5", "lr": "0.1", "seed": "7"}
    assert env.hps == {"epochs": 5, "lr": 0.1, "seed": 7}
    assert env.user_args == ["--epochs", "5", "--lr", "0.1", "--seed", "7"]
    assert env.channel_dirs == {"test": str(job.base / "input/data/test"), "training": str(tmp_path)}
    assert env.sources["hps.epochs"] == Source("variable", "SMC_HP_EPOCHS")
    assert env.sources["channel_dirs.training"] == Source("variable", "SMC_CHANNEL_TRAINING")
    assert "hps.lr" not in env.sources
    assert env.sources["hps"] == Source("file", "hyperparameters.json")


def test_a_platform_hyperparameter_by_variable_names_it(job: JobFolder) -> None:
    env = create(job, SMC_HP_SAGEMAKER_PROGRAM="fit.py")
    assert (env.user_entry_point, env.hp_texts) == ("fit.py", {})
    assert env.sources["user_entry_point"] == Source("variable", "SMC_HP_SAGEMAKER_PROGRAM")


def test_a_plugin_that_adds_a_channel_keeps_the_folders_of_variables(job: JobFolder, tmp_path: Path) -> None:
    env = create(job, SMC_CHANNEL_TRAINING=str(tmp_path))
    extended = env.extend(input_data_config={**env.input_data_config, "more": {}})
    assert extended.channel_dirs == {"more": str(job.base / "input/data/more"), "training": str(tmp_path)}
