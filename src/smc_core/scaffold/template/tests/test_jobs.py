"""Jobs that use the plugin, as real processes."""
# begin launcher

import os
import sys

from smc_core.testing import start
# end launcher

from smc_example import Model, load_model

TRAIN = """
import smc_core as smc

def train(slope: float, world_size):
    return smc.example.Model({"slope": slope, "world_size": world_size})
"""


def test_a_job_saves_its_model(job):
    job.code(train_py=TRAIN).hyperparameters(slope=3.5)
    result = job.run("train.py")
    assert result.exit_code == 0, result.stderr
    assert result.stdout.startswith("trained in ")
    assert load_model(job.base / "model") == Model({"slope": 3.5, "world_size": 1})


def test_a_quiet_job_prints_nothing(job):
    job.code(train_py=TRAIN).hyperparameters(slope=3.5)
    result = job.run("train.py", SMC_EXAMPLE_QUIET="1")
    assert (result.exit_code, result.stdout) == (0, "")
# begin launcher


RANKS = """
import os, sys

def train():
    sys.stdout.write(f"rank {os.environ['RANK']} of {os.environ['WORLD_SIZE']}\\n")
"""


def test_each_process_of_a_host_has_its_rank(job):
    job.code(train_py=RANKS)
    result = job.run("train.py", SMC_LAUNCHER="example", SMC_PROCESSES_PER_HOST="2", SMC_EXAMPLE_QUIET="1")
    assert result.exit_code == 0, result.stderr
    assert sorted(result.stdout.splitlines()) == ["rank 0 of 2", "rank 1 of 2"]


def test_a_rank_that_fails_fails_the_job(job):
    job.code(train_py="import os\ndef train():\n    if os.environ['RANK'] == '1': raise ValueError('no such data')\n")
    result = job.run("train.py", SMC_LAUNCHER="example", SMC_PROCESSES_PER_HOST="2")
    assert result.exit_code == 1
    assert "no such data" in result.first_line


def test_two_hosts_train_together(tmp_path):
    (tmp_path / "train.py").write_text(RANKS)
    environ = {**os.environ, "SMC_PLUGINS": "example", "SMC_LAUNCHER": "example", "SMC_EXAMPLE_QUIET": "1"}
    command = [sys.executable, "-m", "smc_core", "run", "train.py", "--hosts", "2"]
    with start(command, environ=environ, cwd=tmp_path) as running:
        result = running.wait()
    assert result.exit_code == 0, result.stderr
    assert "rank 0 of 2" in result.stdout
    assert "rank 1 of 2" in result.stdout
# end launcher
