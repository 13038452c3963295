"""A locale that is not UTF-8: names and values that it cannot spell reach the script as UTF-8."""

import subprocess
import sys

import pytest

from smc_core.testing import JobFolder

ASCII = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
PRINT = (
    "import os, sys\n"
    "sys.stdout.buffer.write(os.fsencode(' '.join(sys.argv[1:])) + b' ' + os.environb['SM_HP_下载'.encode()])\n"
)


@pytest.fixture
def named(job: JobFolder) -> JobFolder:
    return job.raw_hyperparameters({"下载": "是", "lr": "0.1"})


def test_a_script_gets_utf_8(named: JobFolder) -> None:
    named.code_files({"train.py": "# -*- coding: utf-8 -*-\n" + PRINT, "run.sh": 'printf "%s " "$@"'})
    ended = named.run("train.py", **ASCII)
    assert (ended.exit_code, ended.stdout) == (0, "--lr 0.1 --下载 是 是"), ended.stderr
    assert named.run("run.sh", **ASCII).stdout.strip() == "--lr 0.1 --下载 是"


def test_a_function_gets_the_text_itself(named: JobFolder) -> None:
    named.code(
        train_py="import os\ndef train(下载):\n    print(ascii(下载), ascii(os.environb['SM_HP_下载'.encode()].decode()))\n"
    )
    ended = named.run("train.py", **ASCII)
    assert (ended.exit_code, ended.stdout) == (0, "'\\u662f' '\\u662f'\n"), ended.stderr


def test_what_is_printed_is_escaped(named: JobFolder) -> None:
    named.code(train_py="")
    for command in (["plan"], ["plan", "--json"], ["env"], ["why", "SM_USER_ARGS"]):
        ended = subprocess.run(
            [sys.executable, "-m", "smc_core", *command],
            env=named.environ("train.py", **ASCII),
            capture_output=True,
            text=True,
            check=False,
        )
        assert ended.returncode == 0, ended.stderr
        assert "\\u4e0b\\u8f7d" in ended.stdout


def test_files_that_the_locale_cannot_spell_are_found(job: JobFolder) -> None:
    folder = job.base / "训练"
    folder.mkdir()
    (folder / "拟合.py").write_text("print('fitted')\n")
    job.raw_hyperparameters({"sagemaker_program": "拟合.py", "sagemaker_submit_directory": f"file://{folder}"})
    ended = job.run(**ASCII)
    assert (ended.exit_code, ended.stdout) == (0, "fitted\n"), ended.stderr
