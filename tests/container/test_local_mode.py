"""Jobs started as the local mode of AWS's own SDK starts them: a compose file, ``train``, and few configuration files.

What the SDK writes is taken from its releases 2.x (``sagemaker/local/image.py``) and 3.x (``local_container.py``): hosts
that share one model folder, a terminal, and configuration without the fields that only the platform knows.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.container.engine import SECONDS, docker

SECRET = "wJalrXUtnFEMI/K7MDENG"
FIT = """\
import json, os, time
from multiprocessing.connection import Client, Listener

host, hosts, master = os.environ["SM_CURRENT_HOST"], json.loads(os.environ["SM_HOSTS"]), os.environ["SM_MASTER_ADDR"]
rank = hosts.index(host)


def meet():
    if host == master:
        listener = Listener((host, 7788))
        return [listener.accept() for _ in hosts[1:]]
    while True:
        try:
            return [Client((master, 7788))]
        except ConnectionRefusedError:
            time.sleep(0.05)


def mean(numbers):
    if host != master:
        peers[0].send(numbers)
        return peers[0].recv()
    rows = [numbers, *(peer.recv() for peer in peers)]
    means = [sum(column) / len(rows) for column in zip(*rows)]
    for peer in peers:
        peer.send(means)
    return means


peers = meet()
with open(os.environ["SM_CHANNEL_TRAINING"] + "/points.csv") as file:
    points = [tuple(map(float, line.split(","))) for line in file][rank :: len(hosts)]
slope = offset = 0.0
for epoch in range(int(os.environ["SM_HP_EPOCHS"])):
    errors = [(slope * x + offset - y, x) for x, y in points]
    mine = [sum(error * x for error, x in errors) / len(points), sum(error for error, _ in errors) / len(points)]
    steps = mean(mine)
    slope, offset = slope - 0.05 * steps[0], offset - 0.05 * steps[1]
with open(f"{os.environ['SM_MODEL_DIR']}/line-of-{rank}.json", "w") as file:
    json.dump({"slope": round(slope, 2), "offset": round(offset, 2), "points": len(points)}, file)
print(host, "fitted", round(slope, 2), round(offset, 2))
mean([0.0])
"""
FAIL = """\
import os, time
if os.environ["SM_CURRENT_HOST_RANK"] == "1":
    raise ValueError("bad data")
time.sleep(600)
"""


class LocalMode:
    """The folder of one job as the SDK prepares it, and its compose file.

    Attributes:
        root: the folder.
        hosts: names of the services.
    """

    def __init__(self, compose: list[str], image: str, root: Path, sdk: int, code: str) -> None:
        suffix = f"-{uuid.uuid4().hex[:5]}" if sdk == 2 else ""
        self.root, self.hosts = root, [f"algo-{number}{suffix}" for number in (1, 2)]
        self._command = [*compose, "--file", str(root / "docker-compose.yaml")]
        _write(root / "source/train.py", code)
        _write(root / "points/points.csv", "".join(f"{x},{3 * x + 2}\n" for x in range(6)))
        for host in self.hosts:
            self._configure(host, sdk)
        network = f"sagemaker-local-{uuid.uuid4().hex[:8]}"  # the SDK's own has one name for all jobs
        services = {host: self._service(host, image, network, sdk) for host in self.hosts}
        content: dict[str, Any] = {"services": services, "networks": {network: {"name": network}}}
        if sdk == 2:
            content["version"] = "2.3"
        _write(root / "docker-compose.yaml", json.dumps(content))  # JSON is YAML

    def _configure(self, host: str, sdk: int) -> None:
        (self.root / host / "output/data").mkdir(parents=True)
        (self.root / "shared").mkdir(exist_ok=True)  # and no model folder: the engine makes it, and root owns it
        values = {"sagemaker_program": "train.py", "sagemaker_submit_directory": "/opt/ml/code", "epochs": 1000}
        texts = {key: v if sdk == 3 and isinstance(v, str) else json.dumps(v) for key, v in values.items()}
        resources: dict[str, Any] = {"current_host": host, "hosts": self.hosts}
        if sdk == 3:
            resources |= {"network_interface_name": "ethwe", "current_instance_type": "local_cpu"}
        for name, config in {
            "hyperparameters.json": texts,
            "resourceconfig.json": resources,
            "inputdataconfig.json": {"training": {"TrainingInputMode": "File"}},
        }.items():
            _write(self.root / host / "input/config" / name, json.dumps(config))
        (self.root / host / "input/data/training").mkdir(parents=True)

    def _service(self, host: str, image: str, network: str, sdk: int) -> dict[str, Any]:
        own = {f"{self.root}/{host}/{name}": name for name in ("output", "output/data", "input")}
        all_hosts = {"model": "model", "points": "input/data/training", "source": "code", "shared": "shared"}
        volumes = own | {f"{self.root}/{source}": name for source, name in all_hosts.items()}
        service = {
            "image": image,
            "volumes": [f"{source}:/opt/ml/{name}" for source, name in volumes.items()],
            "environment": [
                "AWS_REGION=eu-west-1",
                "AWS_ENDPOINT_URL_S3=https://s3.eu-west-1.amazonaws.com",
                "TRAINING_JOB_NAME=local-job",
                "AWS_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE",
                f"AWS_SECRET_ACCESS_KEY={SECRET}",
            ],
            "networks": {network: {"aliases": [host]}},
        }
        if sdk == 2:
            name = f"{uuid.uuid4().hex[:10]}-{host}"
            return service | {"command": "train", "stdin_open": True, "tty": True, "container_name": name}
        return service

    def up(self, *options: str) -> tuple[int, str]:
        """``docker-compose up``: its exit code, and what it printed."""
        ended = subprocess.run(
            [*self._command, "up", "--build", *options],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        return ended.returncode, ended.stdout

    def exit_codes(self) -> list[int]:
        """Exit code of each container, once it has ended."""
        argv = [*self._command, "ps", "--all", "--quiet"]
        codes = []
        for host in self.hosts:
            found = subprocess.run([*argv, host], capture_output=True, text=True, check=True).stdout
            codes.append(int(docker("wait", found.strip())))
        return codes

    def failure(self, host: str) -> str | None:
        """Text of a host's failure file, if there is one."""
        path = self.root / host / "output/failure"
        return path.read_text() if path.exists() else None

    def success(self, host: str) -> bool:
        """Whether a host wrote ``output/success``."""
        return (self.root / host / "output/success").exists()

    def models(self) -> list[Any]:
        """What the hosts wrote into the model folder that they share."""
        return [json.loads((self.root / f"model/line-of-{rank}.json").read_text()) for rank in range(2)]

    def down(self) -> None:
        """Remove containers and network."""
        subprocess.run([*self._command, "down", "--timeout", "1"], capture_output=True, check=True, timeout=SECONDS)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.fixture(scope="session")
def compose() -> list[str]:
    """The command that the SDK would use: ``docker compose``, or the older ``docker-compose``."""
    if subprocess.run(["docker", "compose", "version"], capture_output=True, check=False).returncode == 0:
        return ["docker", "compose"]
    if shutil.which("docker-compose"):
        return ["docker-compose"]
    pytest.skip("there is neither docker compose nor docker-compose here, which local mode needs")


@pytest.fixture
def local_mode(image: str, compose: list[str], tmp_path: Path) -> Iterator[Callable[[int, str], LocalMode]]:
    """Prepare a job: ``local_mode(2, "print('hello')")`` as release 2 of the SDK does."""
    jobs: list[LocalMode] = []

    def prepare(sdk: int, code: str) -> LocalMode:
        jobs.append(LocalMode(compose, image, tmp_path / "root", sdk, code))
        return jobs[-1]

    yield prepare
    for job in jobs:
        job.down()


Prepare = Callable[[int, str], LocalMode]
SDK = pytest.mark.parametrize("sdk", [2, 3], ids=["SDK 2", "SDK 3"])
LINE = {"slope": 3.0, "offset": 2.0, "points": 3}


@SDK
def test_two_hosts_train_together_and_both_end_well(local_mode: Prepare, sdk: int) -> None:
    job = local_mode(sdk, FIT)
    code, printed = job.up("--detach")
    assert code == 0, printed
    assert job.exit_codes() == [0, 0], [job.failure(host) for host in job.hosts]
    assert job.models() == [LINE, LINE]
    for host in job.hosts:
        assert job.success(host)
        assert job.failure(host) is None


@SDK
def test_the_sdk_that_waits_sees_the_job_end_well(local_mode: Prepare, sdk: int) -> None:
    job = local_mode(sdk, FIT)
    code, printed = job.up("--abort-on-container-exit")
    assert code == 0, printed
    assert job.models() == [LINE, LINE]
    assert "fitted 3.0 2.0" in printed
    assert SECRET not in printed


@SDK
def test_the_sdk_that_waits_sees_the_failure_of_one_host_and_stops_the_other(local_mode: Prepare, sdk: int) -> None:
    job = local_mode(sdk, FAIL)
    code, printed = job.up("--abort-on-container-exit")
    assert code == 1, printed
    assert job.exit_codes() == [143, 1]
    stopped, failed = (job.failure(host) or "" for host in job.hosts)
    assert failed.startswith("ValueError: bad data (train.py:3, in <module>)\n")
    assert "SIGTERM" in stopped.splitlines()[0]
    assert "ValueError: bad data" in printed
    assert SECRET not in printed + stopped + failed
