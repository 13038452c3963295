"""The image brings code (the very ENV line of the README), and a client submits code: what was submitted is trained."""

import io
import json
import re
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from smc_core.testing import JobFolder

ROOT = Path(__file__).parents[2]
PAGES = ("README.md", "docs/how-to/build-an-image.md")


def image_variables(page: str, baked: Path) -> dict[str, str]:
    """The ENV line of a page's Dockerfile, with the folder that the code was copied to put elsewhere."""
    line = re.search(r"^ENV (SAGEMAKER_SUBMIT_DIRECTORY=.*)$", (ROOT / page).read_text(), re.MULTILINE)
    assert line is not None
    variables = dict(pair.split("=", 1) for pair in line[1].split())
    assert variables == {"SAGEMAKER_SUBMIT_DIRECTORY": "/opt/code", "SAGEMAKER_PROGRAM": "train.py"}
    return {**variables, "SAGEMAKER_SUBMIT_DIRECTORY": str(baked)}


@pytest.fixture
def baked(tmp_path: Path) -> Path:
    folder = tmp_path / "opt/code"
    folder.mkdir(parents=True)
    (folder / "train.py").write_text("print('baked')\n")
    (folder / "fit.py").write_text("print('baked fit')\n")
    return folder


@pytest.fixture
def sourcedir(tmp_path: Path) -> str:
    path = tmp_path / "sourcedir.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for name in ("train.py", "fit.py"):
            content = f"print('submitted {name}')\n".encode()
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return str(path)


def hyperparameters(sdk: str, submitted: str, program: str | None) -> dict[str, str]:
    """``hyperparameters.json`` as releases 2 (every value JSON) and 3 (text as it is) of the SageMaker SDK write it."""
    values = {
        "sagemaker_submit_directory": submitted,
        "sagemaker_program": program,
        "sagemaker_container_log_level": 20,
        "sagemaker_job_name": "job-2026",
        "sagemaker_region": "eu-west-1",
    }
    given = {key: value for key, value in values.items() if value is not None}
    encoders = {
        "2": json.dumps,
        "3": lambda value: value if isinstance(value, str) else json.dumps(value),
        "twice": lambda value: json.dumps(json.dumps(value)),
    }
    return {key: encoders[sdk](value) for key, value in given.items()}


def test_the_pages_show_one_image() -> None:
    assert len({tuple(image_variables(page, Path("/opt/code")).items()) for page in PAGES}) == 1


@pytest.mark.parametrize("sdk", ["2", "3", "twice"])
def test_what_a_client_submits_is_trained(job: JobFolder, baked: Path, sourcedir: str, sdk: str) -> None:
    job.raw_hyperparameters(hyperparameters(sdk, sourcedir, "fit.py"))
    ended = job.run(**image_variables(PAGES[1], baked))
    assert (ended.exit_code, ended.stdout) == (0, "submitted fit.py\n"), ended.stderr
    line = (
        f"smc: code {sourcedir} (hyperparameters.json: sagemaker_submit_directory), "
        f"entry point fit.py (hyperparameters.json: sagemaker_program); not used: "
        f"{baked} (variable SAGEMAKER_SUBMIT_DIRECTORY), train.py (variable SAGEMAKER_PROGRAM)"
    )
    assert ended.stderr.splitlines().count(line) == 1


def test_local_mode_mounts_what_is_submitted(job: JobFolder, baked: Path) -> None:
    """The SDK's local mode mounts the source folder at the code folder itself."""
    job.code(train_py="print('mounted')")
    job.raw_hyperparameters(hyperparameters("2", str(job.base / "code"), "train.py"))
    ended = job.run(**image_variables(PAGES[0], baked))
    assert (ended.exit_code, ended.stdout) == (0, "mounted\n"), ended.stderr
    assert f"not used: {baked} (variable SAGEMAKER_SUBMIT_DIRECTORY)\n" in ended.stderr


def test_without_a_submission_the_baked_code_is_trained_and_nothing_is_said_of_another(
    job: JobFolder, baked: Path
) -> None:
    job.hyperparameters(epochs=3)
    ended = job.run(**image_variables(PAGES[0], baked))
    assert (ended.exit_code, ended.stdout) == (0, "baked\n"), ended.stderr
    assert "not used" not in ended.stderr


def test_an_entry_point_without_a_submission_is_the_variables_and_the_other_is_told(
    job: JobFolder, baked: Path
) -> None:
    job.raw_hyperparameters({"sagemaker_program": "fit.py"})
    ended = job.run(**image_variables(PAGES[0], baked))
    assert ended.stdout == "baked\n"
    assert "not used: fit.py (hyperparameters.json: sagemaker_program)" in ended.stderr


def test_the_entry_point_of_the_variables_runs_from_what_was_submitted(
    job: JobFolder, baked: Path, sourcedir: str
) -> None:
    job.raw_hyperparameters(hyperparameters("3", sourcedir, None))
    assert job.run(**image_variables(PAGES[0], baked)).stdout == "submitted train.py\n"


def test_what_the_command_line_names_wins_over_all(job: JobFolder, baked: Path, sourcedir: str, tmp_path: Path) -> None:
    job.raw_hyperparameters(hyperparameters("3", sourcedir, "fit.py"))
    (tmp_path / "other.py").write_text("print('named')\n")
    ended = job.run(None, [str(tmp_path / "other.py")], **image_variables(PAGES[0], baked))
    assert (ended.exit_code, ended.stdout) == (0, "named\n"), ended.stderr


def test_plan_says_it_too(job: JobFolder, baked: Path, sourcedir: str) -> None:
    job.raw_hyperparameters(hyperparameters("3", str(baked), "fit.py"))
    environ = job.environ(**{**image_variables(PAGES[0], baked), "SAGEMAKER_SUBMIT_DIRECTORY": "/elsewhere"})
    command = [sys.executable, "-m", "smc_core", "plan"]
    ended = subprocess.run(command, env=environ, capture_output=True, text=True, check=True)
    assert re.search(r"^entry point +fit\.py", ended.stdout, re.MULTILINE)
    assert "not used: /elsewhere (variable SAGEMAKER_SUBMIT_DIRECTORY), train.py" in ended.stdout


def test_a_job_that_a_job_starts_runs_its_own_code(job: JobFolder, baked: Path, tmp_path: Path) -> None:
    inner = JobFolder(tmp_path / "inner").code(inner_py="print('inner')")
    outer = tmp_path / "outer.py"
    outer.write_text(
        "import os, subprocess, sys\n"
        f"environ = dict(os.environ, SAGEMAKER_BASE_DIR={str(inner.base)!r}, SAGEMAKER_PROGRAM='inner.py')\n"
        "environ.pop('SAGEMAKER_SUBMIT_DIRECTORY')\n"
        "subprocess.run([sys.executable, '-m', 'smc_core', 'run'], env=environ, check=True)\n"
    )
    ended = job.run(None, [str(outer)], SAGEMAKER_SUBMIT_DIRECTORY=str(baked))
    assert (ended.exit_code, ended.stdout) == (0, "inner\n"), ended.stderr
    assert (inner.base / "output/success").exists()
