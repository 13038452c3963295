"""What ``smc_core.testing.fixtures`` does, and does not do, in the tests of somebody else's plugin."""

import subprocess
import sys
from pathlib import Path

TESTS = """
import os, sys
os.environ["SET_BY_A_FRAMEWORK"] = "1"

def test_a_framework_that_sets_a_variable(job):
    os.environ["SET_AT_ITS_IMPORT"] = "1"
    sys.path.append("/somewhere")
    assert (job.base / "model").is_dir()

def test_a_fresh_interpreter(run_python):
    assert run_python("print(1)").stdout == "1\\n"
"""


def test_the_house_rules_bind_nobody_else(tmp_path: Path) -> None:
    tmp_path.joinpath("conftest.py").write_text('pytest_plugins = ["smc_core.testing.fixtures"]\n')
    tmp_path.joinpath("test_theirs.py").write_text(TESTS)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--rootdir",
        str(tmp_path),
        str(tmp_path),
    ]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert ended.returncode == 0, ended.stdout
