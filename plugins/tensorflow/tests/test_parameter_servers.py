"""The parameter server strategy: on two hosts, on one, and when it fails. All processes are real."""

from __future__ import annotations

import json
import re
import shutil
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from smc_core.testing import JobFolder
from smc_core.testing.hosts import Host, Hosts

EXAMPLE = Path(__file__).parents[3] / "examples" / "tensorflow_digits"
QUICK = {"TF_USE_LEGACY_KERAS": "1"}
"""TensorFlow then does not import Keras 3, which takes a third of its time, and which no program here needs."""

USERS_CLUSTER = {"cluster": {"chief": ["algo-1:2222"], "worker": ["algo-1:2223"], "ps": ["algo-2:2224"]}}
COUNTS = """
import os, signal, sys, time, tensorflow as tf, smc_core as smc

strategy = smc.tensorflow.strategy()
coordinator = tf.distribute.coordinator.ClusterCoordinator(strategy)
with strategy.scope():
    count = tf.Variable(0)
assert count.device.startswith("/job:ps"), count.device

@tf.function
def step():
    count.assign_add(1)

def once():
    coordinator.schedule(step)
    coordinator.join()

stops = []
signal.signal(signal.SIGTERM, lambda number, frame: stops.append(number))  # the coordinator's locks may be held here
once()
open(os.path.join(os.environ["SM_OUTPUT_DATA_DIR"], "begun"), "w").close()
while not stops:
    once()
    time.sleep(0.05)
once()  # the servers are still there
with open(os.path.join(os.environ["SM_MODEL_DIR"], "count"), "w") as file:
    file.write(str(count.numpy()))
chief = tf.train.CheckpointOptions(experimental_io_device="/job:chief/replica:0/task:0/device:CPU:0")
tf.train.Checkpoint(count=count).write(os.path.join(os.environ["SM_MODEL_DIR"], "latest"), options=chief)
sys.exit(7)
"""
DIES_WHEN_TOLD = """
import json, os, threading, time

def wait():
    while not os.path.exists(os.path.join(os.environ["SM_OUTPUT_DATA_DIR"], "die")):
        time.sleep(0.05)
    os.kill(os.getpid(), 9)

if json.loads(os.environ.get("TF_CONFIG", "{}")).get("task", {}).get("type") == "ps":
    threading.Thread(target=wait, daemon=True).start()
"""  # a sitecustomize.py, which Python imports when it starts: here in the parameter server


def start_users_cluster(hosts: Hosts, algo_1: Host, algo_2: Host) -> None:
    """Start a job whose only parameter server is on the second host, and wait until it trains."""
    hosts.start("train.py", SMC_LAUNCHER="parameter-server", TF_CONFIG=json.dumps(USERS_CLUSTER), **QUICK)
    algo_1.wait_until((algo_1.job.base / "output/data/begun").exists)


def free_port() -> str:
    """A port for the master. Those that follow it are TensorFlow's."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return str(server.getsockname()[1])


def test_two_hosts_learn_the_digits(hosts: Hosts, digits: JobFolder, accuracy: Callable[[JobFolder], float]) -> None:
    algo_1, algo_2 = hosts.make(2)
    for host in (algo_1, algo_2):
        shutil.copytree(digits.base / "input/data", host.job.base / "input/data", dirs_exist_ok=True)
        shutil.copy2(digits.base / "input/config/inputdataconfig.json", host.job.base / "input/config")
        host.job.code_files({"train.py": (EXAMPLE / "train_ps.py").read_bytes()}).raw_hyperparameters(
            {
                "sagemaker_parameter_server_enabled": "true",
                **{"training_data_file": "digits.npz", "epochs": "4", "batch-size": "16"},
                **{"learning-rate": "0.1", "seed": "7"},
            }
        )
    first, second = hosts.run("train.py", **QUICK)
    assert first.exit_code == 0, first.stderr
    assert second.exit_code == 0, second.stderr
    assert second.success
    losses = [float(loss) for loss in re.findall(r"^epoch=\d loss=(\S+)$", first.stdout, re.MULTILINE)]
    assert len(losses) == 4
    assert losses[-1] < losses[0] / 3
    assert second.stdout == ""
    assert list((algo_2.job.base / "model").iterdir()) == []
    assert accuracy(algo_1.job) >= 0.93


def test_a_parameter_server_that_is_killed_is_named_on_every_host(hosts: Hosts, tf: object) -> None:
    algo_1, algo_2 = hosts.make(2)
    for host in (algo_1, algo_2):
        host.job.code(train_py=COUNTS)
    algo_2.job.code(sitecustomize_py=DIES_WHEN_TOLD)
    start_users_cluster(hosts, algo_1, algo_2)
    (algo_2.job.base / "output/data/die").touch()
    for host in (algo_1, algo_2):
        ended = host.wait()
        assert ended.exit_code == 128 + 9 if host is algo_2 else ended.exit_code != 0, ended.stderr
        assert ended.failure is not None
        assert "TensorFlow's task ps 0 on algo-2 was killed by SIGKILL" in ended.failure.splitlines()[0]


def test_a_stop_of_all_hosts_lets_the_chief_save_from_its_parameter_server(hosts: Hosts, tf: Any) -> None:
    algo_1, algo_2 = hosts.make(2)
    for host in (algo_1, algo_2):
        host.job.code(train_py=COUNTS)
    start_users_cluster(hosts, algo_1, algo_2)
    algo_2.stop()
    time.sleep(1)  # a server that ended at once would be gone by now
    algo_1.stop()
    ended = algo_1.wait()
    assert ended.exit_code == 7, ended.stderr
    count = int((algo_1.job.base / "model/count").read_text())
    assert count > 1
    assert tf.train.load_variable(algo_1.job.base / "model/latest", "count/.ATTRIBUTES/VARIABLE_VALUE") == count
    ended = algo_2.wait()
    assert ended.failure is not None
    assert ended.failure.startswith("Stopped by SIGTERM")


def test_one_host_and_a_stop_that_only_the_users_process_gets(job: JobFolder, tf: object) -> None:
    job.hosts("algo-1").code(train_py=COUNTS)
    running = job.start("train.py", SMC_LAUNCHER="parameter-server", SMC_MASTER_PORT=free_port(), **QUICK)
    running.wait_until((job.base / "output/data/begun").exists)
    programs = [Path(f"/proc/{pid}/cmdline").read_text().split("\0")[1] for pid in job.processes()]
    servers = [program for program in programs if program.endswith("server.py")]
    assert len(servers) == 3  # one worker, one parameter server, and parameter_server.py, which watches both
    running.send(signal.SIGTERM)
    ended = running.wait()
    assert ended.exit_code == 7, ended.stderr
    assert int((job.base / "model/count").read_text()) > 1
    assert job.processes() == []


def test_a_port_that_is_taken(job: JobFolder, tf: object) -> None:
    job.hosts("algo-1").code(train_py="import time\nwhile True:\n    time.sleep(1)\n")
    with socket.create_server(("0.0.0.0", 0)) as taken:
        address = f"localhost:{taken.getsockname()[1]}"
        cluster = {"cluster": {"chief": ["localhost:1"], "ps": [address]}}
        ended = job.run("train.py", SMC_LAUNCHER="parameter-server", TF_CONFIG=json.dumps(cluster), **QUICK)
    assert ended.exit_code == 5, ended.stderr
    assert ended.failure is not None
    assert f"HostError: TensorFlow cannot serve ps 0 at {address}: " in ended.failure
    assert "Traceback" not in ended.failure
    assert job.processes() == []
