"""MultiWorkerMirroredStrategy on two hosts, each with a network of its own."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from smc_core.testing import JobFolder
from smc_core.testing.hosts import Hosts

EXAMPLE = Path(__file__).parents[3] / "examples" / "tensorflow_digits"
QUICK = {"TF_USE_LEGACY_KERAS": "1"}
"""TensorFlow then does not import Keras 3, which takes a third of its time, and which no program here needs."""
REPLICA = """
import signal, time, tensorflow as tf, smc_core as smc

def train(host_rank, output_data_dir):
    strategy = smc.tensorflow.strategy()
    assert strategy.num_replicas_in_sync == 2

    @tf.function
    def together():
        one = strategy.run(lambda: tf.distribute.get_replica_context().all_reduce("sum", 1.0))
        return strategy.reduce("mean", one, axis=None)

    print("together", float(together()), flush=True)
    open(f"{output_data_dir}/begun", "w").close()
    """
RAISES = REPLICA + 'if host_rank == 1:\n        raise ValueError("the labels are missing")\n    together()\n'
GOES_ON = (
    REPLICA
    + "signal.signal(signal.SIGTERM, signal.SIG_DFL)\n    while True:\n        together()\n        time.sleep(0.1)\n"
)


def test_two_hosts_learn_the_digits(hosts: Hosts, digits: JobFolder, accuracy: Callable[[JobFolder], float]) -> None:
    algo_1, algo_2 = hosts.make(2)
    for host in (algo_1, algo_2):
        shutil.copytree(digits.base / "input/data", host.job.base / "input/data", dirs_exist_ok=True)
        shutil.copy2(digits.base / "input/config/inputdataconfig.json", host.job.base / "input/config")
        host.job.code_files({"train.py": (EXAMPLE / "train.py").read_bytes()}).raw_hyperparameters(
            {
                "sagemaker_multi_worker_mirrored_strategy_enabled": "true",
                **{"training_data_file": "digits.npz", "epochs": "4", "batch-size": "32"},
                **{"learning-rate": "0.1", "seed": "7"},
            }
        )
    first, second = hosts.run("train.py", **QUICK)
    assert first.exit_code == 0, first.stderr
    assert second.exit_code == 0, second.stderr
    losses = [float(loss) for loss in re.findall(r"^epoch=\d loss=(\S+)$", first.stdout, re.MULTILINE)]
    assert len(losses) == 4
    assert losses[-1] < losses[0] / 3
    assert "epoch=" not in second.stdout
    assert list((algo_2.job.base / "model").iterdir()) == []
    assert accuracy(algo_1.job) >= 0.93
    command = [sys.executable, str(EXAMPLE / "evaluate.py"), str(algo_1.job.base)]
    environ = {**os.environ, **QUICK}
    measured = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=300, check=False)
    assert measured.returncode == 0, measured.stderr
    assert f"accuracy: {accuracy(algo_1.job):.4f} on 360 digits" in measured.stdout


def test_one_that_raises_while_the_other_waits_is_named_on_both(hosts: Hosts, tf: object) -> None:
    for host in hosts.make(2):
        host.job.code(train_py=RAISES)
    ended = hosts.run("train.py", SMC_LAUNCHER="mwms", **QUICK)
    for each in ended:
        assert each.exit_code != 0
        assert each.failure is not None
        assert "ValueError: the labels are missing" in each.failure.splitlines()[0]
        assert "algo-2" in each.failure
    assert ended[1].exit_code == 1


def test_a_host_that_vanishes_is_named_by_the_other(hosts: Hosts, tf: object) -> None:
    algo_1, algo_2 = hosts.make(2)
    for host in (algo_1, algo_2):
        host.job.code(train_py=GOES_ON)
    hosts.start("train.py", SMC_LAUNCHER="mwms", SMC_HOST_TIMEOUT="3", **QUICK)
    algo_2.wait_until((algo_2.job.base / "output/data/begun").exists)
    algo_2.kill()
    ended = algo_1.wait()
    assert ended.exit_code != 0
    assert ended.failure is not None
    assert "algo-2" in ended.failure.splitlines()[0]
