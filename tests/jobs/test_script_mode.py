"""Script mode: the user's file as the main program."""

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.json_values import JSON_VALUES, check_token

from smc_core.testing import JobFolder

ECHO = "import json, sys\njson.dump(sys.argv[1:], open(sys.argv[0] + '.argv', 'w'))\n"


def echoed(job: JobFolder) -> list[str]:
    return json.loads((job.base / "code/train.py.argv").read_text())  # type: ignore[no-any-return]


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values=st.lists(JSON_VALUES, min_size=8, max_size=24))
def test_any_json_value_survives_the_trip_to_argv_as_one_token(job: JobFolder, values: list[object]) -> None:
    job.code(train_py=ECHO)
    job.raw_hyperparameters({f"key{index:03}": json.dumps(value) for index, value in enumerate(values)})
    ended = job.run("train.py")
    assert ended.exit_code == 0, ended.stderr
    tokens = echoed(job)
    assert tokens[::2] == [f"--key{index:03}" for index in range(len(values))]
    for token, value in zip(tokens[1::2], values, strict=True):
        check_token(token, value)


@pytest.mark.parametrize(
    ("style", "tokens"),
    [
        ("", ["--amp", "True", "--debug", "False", "-n", ""]),
        ("classic", ["--amp", "True", "--debug", "False", "-n", ""]),
        ("json", ["--amp", "true", "--debug", "false", "-n", "null"]),
        ("flags", ["--amp", "-n", ""]),
    ],
)
def test_styles_of_arguments(job: JobFolder, style: str, tokens: list[str]) -> None:
    job.code(train_py=ECHO).raw_hyperparameters({"amp": "true", "debug": "false", "n": "null"})
    assert job.run("train.py", SMC_ARGS=style).exit_code == 0
    assert echoed(job) == tokens


def test_the_seeds_script(job: JobFolder) -> None:
    job.channel("training")
    job.raw_hyperparameters({"batch_size": "32", "learning-rate": "0.1"})
    job.code(
        train_py="import smc_core as smc\n"
        "env = smc.Environment.create()\n"
        "print(env.channel_dirs['training'], env.batch_size.to_int(), env['learning-rate'].to_float(), env.model_dir)\n"
    )
    ended = job.run("train.py")
    assert ended.exit_code == 0, ended.stderr
    assert ended.stdout == f"{job.base}/input/data/training 32 0.1 {job.base}/model\n"
    assert "script mode: train.py (it defines no train())" in ended.stderr


def test_a_conversion_that_fails_says_which_hyperparameter(job: JobFolder) -> None:
    job.raw_hyperparameters({"batch_size": "many"})
    job.code(train_py="import smc_core as smc\nsmc.Environment.create().batch_size.to_int()\n")
    ended = job.run("train.py")
    assert ended.exit_code == 1  # the script's own
    assert "hyperparameter 'batch_size' is 'many', not a whole number" in (ended.failure or "")


@pytest.mark.parametrize(
    ("program", "files"),
    [
        ("train.py", {"train.py": "import lib; print(lib.NAME)", "lib.py": "NAME = 'found'"}),
        ("pkg/train.py", {"pkg/train.py": "import lib; print(lib.NAME)", "lib.py": "NAME = 'found'"}),
        ("pkg.train", {"pkg/train.py": "from . import lib; print(lib.NAME)", "pkg/lib.py": "NAME = 'found'"}),
        ("run.sh", {"run.sh": 'echo found "$@"'}),
        ("run", {"run": "#!/usr/bin/env python3\nprint('found')"}),
    ],
)
def test_every_kind_of_entry_point(job: JobFolder, program: str, files: dict[str, str]) -> None:
    job.code_files(files)
    ended = job.run(program)
    assert (ended.exit_code, ended.stdout) == (0, "found\n"), ended.stderr


def test_a_shell_script_gets_values_unharmed(job: JobFolder) -> None:
    job.raw_hyperparameters({"evil": "$(touch hacked); `x` \"' *", "empty": ""})
    job.code_files({"run.sh": 'for a in "$@"; do printf "<%s>\\n" "$a"; done\n'})
    assert job.run("run.sh").stdout == "<--empty>\n<>\n<--evil>\n<$(touch hacked); `x` \"' *>\n"
    assert not (job.base / "code/hacked").exists()


def test_the_scripts_interpreter_is_the_users(job: JobFolder) -> None:
    names = "pydantic", "pluggy", "requests", "psutil", "importlib_metadata", "json", "argparse"
    job.code(train_py=f"import sys; print([name for name in {names} if name in sys.modules])")
    assert job.run("train.py").stdout == "[]\n"


def test_submitted_code_is_what_runs(job: JobFolder, tmp_path: Path) -> None:
    job.code(train_py="print('baked')", stale_py="")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/train.py").write_text("print('submitted')")
    ended = job.run("train.py", SAGEMAKER_SUBMIT_DIRECTORY=str(tmp_path / "mine"))
    assert (ended.exit_code, ended.stdout) == (0, "submitted\n"), ended.stderr
    assert not (job.base / "code/stale.py").exists()
    assert "replaces" in ended.stderr


def test_start_up_says_at_most_ten_lines(job: JobFolder) -> None:
    job.code(train_py="").raw_hyperparameters({f"key{n}": "v" for n in range(50)})
    assert len(job.run("train.py").stderr.splitlines()) <= 10


def test_a_large_job_still_runs(job: JobFolder) -> None:
    """100 hyperparameters of 2,500 characters, the most that the platform allows."""
    job.raw_hyperparameters({f"key{n:03}": "x" * 2500 for n in range(100)})
    job.code(train_py="import os, sys; print(len(sys.argv), len(os.environ['SM_HP_KEY099']), 'SM_HPS' in os.environ)")
    ended = job.run("train.py")
    assert (ended.exit_code, ended.stdout) == (0, "201 2500 False\n")
    assert "variable SM_HPS dropped" in ended.stderr


@pytest.mark.parametrize(
    ("code", "left"),
    [
        ("print(1)", False),
        ("os.makedirs(os.environ['SM_MODEL_DIR'] + '/empty/folders')", False),
        ("open(os.environ['SM_MODEL_DIR'] + '/model', 'w')", True),
        ("os.makedirs('../output/data/a/b'); open('../output/data/a/b/c', 'w')", True),
        ("os.makedirs('../checkpoints'); open('../checkpoints/1', 'w')", True),
    ],
)
def test_a_job_that_ends_well_and_leaves_nothing_says_so(job: JobFolder, code: str, left: bool) -> None:
    job.code(train_py=f"import os\n{code}\n")
    ended = job.run("train.py")
    assert (ended.exit_code, ended.success) == (0, True), ended.stderr
    told = "; the job left no file in model/, output/ or checkpoints/\n"
    assert ended.stderr.count(told) == (0 if left else 1)


def test_a_job_that_fails_is_told_by_its_failure_alone(job: JobFolder) -> None:
    job.code(train_py="raise SystemExit(3)")
    assert "left no file" not in job.run("train.py").stderr
