"""Bad input: one or two lines, the reserved exit code, a failure file."""

import os
import subprocess
import sys

import pytest

from smc_core.testing import JobFolder

CASES = {
    "no entry point": ({}, None, [], 2, "no entry point: set the hyperparameter sagemaker_program"),
    "missing program": ({}, "trian.py", [], 4, "did you mean train.py?"),
    "malformed hyperparameters": (
        {"hyperparameters.json": "{"},
        "train.py",
        [],
        2,
        "hyperparameters.json, line 1, column 2",
    ),
    "malformed hosts": (
        {"resourceconfig.json": '{"hosts": 3}'},
        "train.py",
        [],
        2,
        "resourceconfig.json, current_host",
    ),
    "malformed channels": (
        {"inputdataconfig.json": '{"a": 3}'},
        "train.py",
        [],
        2,
        "inputdataconfig.json, a: expected",
    ),
    "unknown flag": ({}, "train.py", ["--fast"], 2, "unrecognized arguments: --fast"),
    "serve": ({}, "train.py", ["serve"], 2, "smc trains and does not serve"),
    "unknown word": ({}, "train.py", ["trian"], 2, "'trian' is neither \"train\" nor a path"),
    "missing path": ({}, None, ["./absent.py"], 4, "absent.py' is neither a file nor a module"),
    "missing module": ({}, None, ["-m", "absent.module"], 4, "'absent.module' is neither a file nor a module"),
}


@pytest.mark.parametrize("name", CASES)
def test_bad_input(job: JobFolder, name: str) -> None:
    config, program, arguments, exit_code, message = CASES[name]
    job.code(train_py="print('must not run')")
    for file, text in config.items():  # type: ignore[attr-defined]
        job.config(file, text)
    ended = job.run(program, arguments)
    assert (ended.exit_code, ended.stdout) == (exit_code, "")
    errors = [line for line in ended.stderr.splitlines() if line.startswith("smc: error: ")]
    assert len(errors) == 1
    assert message in errors[0]
    assert "Traceback" not in ended.stderr
    assert ended.failure is not None
    assert message in ended.failure
    assert "smc_core" not in ended.failure  # the place of a wrong input is not a line of ours
    assert not ended.success


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"SMC_MODE": "fast"}, "SMC_MODE is 'fast'"),
        ({"SMC_ARGS": "posix"}, "SMC_ARGS is 'posix'"),
        ({"SMC_DISABLE_PLUGINS": "nothing"}, "SMC_DISABLE_PLUGINS names 'nothing'"),
        ({"SMC_STOP_GRACE": "soon"}, "SMC_STOP_GRACE"),
        ({"SAGEMAKER_CONTAINER_LOG_LEVEL": "loud"}, "'SAGEMAKER_CONTAINER_LOG_LEVEL' is 'loud'"),
    ],
)
def test_bad_variables(job: JobFolder, variables: dict[str, str], message: str) -> None:
    job.code(train_py="print('must not run')")
    ended = job.run("train.py", **variables)
    assert (ended.exit_code, ended.stdout) == (2, "")
    assert message in (ended.failure or "")


def test_a_value_that_no_process_can_be_passed(job: JobFolder) -> None:
    job.code(train_py="print(1)").raw_hyperparameters({"blob": "x" * 200_000})
    ended = job.run("train.py")
    assert ended.exit_code == 2
    assert "hyperparameter 'blob' is 200,000 bytes long" in (ended.failure or "")
    job.code(train_py="def train(blob):\n    print(len(blob))\n")
    assert job.run("train.py").stdout == "200000\n"  # a function needs no command line


def test_values_that_are_together_too_many(job: JobFolder) -> None:
    job.code(train_py="print(1)")
    job.raw_hyperparameters({f"part{index:02}": "x" * (100_000 + index) for index in range(70)})
    ended = job.run("train.py", SMC_MAX_CONFIG_BYTES="10_000_000")
    assert (ended.exit_code, ended.stdout) == (2, "")
    first = (ended.failure or "").splitlines()[0]
    assert "the job's arguments and variables are too large" in first
    assert "'part69' (100,069 bytes), 'part68'" in first


def test_a_program_that_cannot_be_started(job: JobFolder) -> None:
    job.code_files({"run.sh": "#!/no/such/interpreter\n"})
    ended = job.run("run.sh")
    assert ended.exit_code == 4
    assert "/no/such/interpreter cannot be started: No such file or directory" in (ended.failure or "")


def test_usage_errors_outside_of_a_job_leave_no_file(job: JobFolder) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "smc_core", "plan", "--fast"],
        env=job.environ(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 2
    assert ended.stderr.startswith("smc: error: unrecognized arguments: --fast")
    assert os.listdir(job.base / "output") == ["data"]


ENDLESS = {
    "program": ({}, {"SAGEMAKER_PROGRAM": "-" * 20_000}, 4, "' is neither a file nor a module"),
    "main": ({}, {"SAGEMAKER_PROGRAM": "__main__"}, 4, "entry point '__main__' is neither a file nor a module"),
    "source": ({}, {"SAGEMAKER_SUBMIT_DIRECTORY": "-" * 20_000}, 4, "it has 20,000 characters"),
    "url": ({}, {"SAGEMAKER_SUBMIT_DIRECTORY": "http://[::1/"}, 4, "http://[::1/ is not a valid URL"),
    "name": ({"x" * 130_000: "1\0"}, {}, 2, "contains a NUL character"),
    "value": ({"sagemaker_container_log_level": "y" * 130_000}, {}, 2, "not a whole number"),
}


@pytest.mark.parametrize("case", ENDLESS)
def test_foreign_input_is_quoted_in_part_and_is_no_fault_of_smc(job: JobFolder, case: str) -> None:
    hyperparameters, variables, code, cause = ENDLESS[case]
    job.code(train_py="print(1)")
    job.raw_hyperparameters(hyperparameters)
    ended = job.run(**{"SAGEMAKER_PROGRAM": "train.py", **variables})
    assert ended.exit_code == code
    assert cause in (ended.failure or "").splitlines()[0]
    assert len(ended.stderr) < 1000


@pytest.mark.parametrize("arguments", [["--hosts", "x"], ["-c"], ["-p", "epochs=5", "--fast"], ["--mode", "fast"]])
def test_a_wrong_command_line_of_a_local_job_is_no_failure_of_the_containers(
    job: JobFolder, arguments: list[str]
) -> None:
    ended = job.run(None, arguments)
    assert (ended.exit_code, ended.failure) == (2, None)
    assert "(see smc run --help)" in ended.stderr
