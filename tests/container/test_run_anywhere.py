"""``smc run train.py -c … -p …`` as PID 1: in plain Docker, and as the pods of a Kubernetes Job with a shared volume."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Contain = Callable[..., Any]

TRAIN = """
import json, os, pathlib, sys, time
checkpoints, host = pathlib.Path(os.environ["SM_CHECKPOINT_DIR"]), os.environ["SM_CURRENT_HOST"]
checkpoints.mkdir(exist_ok=True)
before = sorted(path.name for path in checkpoints.iterdir())
data = os.listdir(os.environ["SM_CHANNEL_TRAINING"])
print(json.dumps([sys.argv[1:], data, before, json.loads(os.environ["SM_HOSTS"])]), flush=True)
run = os.path.basename(os.environ.get("SAGEMAKER_BASE_DIR", ""))
(checkpoints / f"{host}-{run}").touch()
while not all((checkpoints / f"{name}-{run}").exists() for name in json.loads(os.environ["SM_HOSTS"])):
    time.sleep(0.05)  # a host that has ended has no name, and the other would wait for that
pathlib.Path(os.environ["SM_MODEL_DIR"], f"part-{host}").touch()
while "wait" in sys.argv: time.sleep(0.05)
"""
COMMAND = ("train.py", "-c", "training=/data", "-p", "epochs=5")


@pytest.fixture
def mounts(tmp_path: Path) -> tuple[str, ...]:
    """The code, which cannot be written, the data, and a volume for jobs."""
    for name, file in (("code", "train.py"), ("data", "points.csv"), ("jobs", "")):
        (tmp_path / name).mkdir()
        if file:
            (tmp_path / name / file).write_text(TRAIN)
    folders = [f"{tmp_path}/code:/work:ro", f"{tmp_path}/data:/data:ro", f"{tmp_path}/jobs:/jobs"]
    return (*(word for folder in folders for word in ("--volume", folder)), "--workdir", "/work")


def printed(container: Any) -> Any:
    return json.loads(next(line for line in container.log.splitlines() if line.startswith("[[")))


def test_plain_docker_runs_what_a_laptop_runs(image: str, contain: Contain, mounts, tmp_path: Path) -> None:
    container = contain(image, *mounts, "--network", "none", command=(*COMMAND, "--job-dir", "/jobs/one"))
    assert container.wait() == 0, container.log
    assert printed(container)[:3] == [["--epochs", "5"], ["points.csv"], []]
    assert (tmp_path / "jobs/one/output/success").exists()
    assert len(list((tmp_path / "jobs/one/model").iterdir())) == 1


def test_without_a_job_dir_a_working_directory_that_cannot_be_written_is_said(image: str, contain, mounts) -> None:
    container = contain(image, *mounts, "--network", "none", command=COMMAND)
    assert container.wait() == 2
    assert "the folder of the job cannot be created: Read-only file system: .smc" in container.log
    assert "--job-dir" in container.log


def test_variables_do_where_a_manifest_has_no_arguments(image: str, contain: Contain, mounts, tmp_path: Path) -> None:
    variables = ("--env", "SMC_HP_EPOCHS=5", "--env", "SMC_CHANNEL_TRAINING=/data")
    container = contain(image, *mounts, *variables, "--network", "none", command=("train.py", "--job-dir", "/jobs/one"))
    assert container.wait() == 0, container.log
    assert printed(container)[:2] == [["--epochs", "5"], ["points.csv"]]
    plain = contain(image, *mounts, *variables, "--network", "none", command=("./train.py",))
    assert plain.wait() == 0, plain.log
    assert printed(plain)[:2] == [["--epochs", "5"], ["points.csv"]]


def test_docker_stop_is_a_stop_that_leaves_its_reason(image: str, contain: Contain, mounts, tmp_path: Path) -> None:
    command = (*COMMAND, "-p", "then=wait", "--job-dir", "/jobs/one")
    container = contain(image, *mounts, "--network", "none", command=command)
    container.wait_for("[[")
    assert container.stop() == 143, container.log
    assert "SIGTERM" in (tmp_path / "jobs/one/output/failure").read_text().splitlines()[0]
    assert json.loads((tmp_path / "jobs/one/job.json").read_text())["status"] == "stopped"


def test_in_an_image_requirements_are_installed_as_in_any_container_s_job(
    image: str, contain: Contain, mounts, tmp_path: Path
) -> None:
    (tmp_path / "code/requirements.txt").write_text("no-such-package-of-smc\n")
    container = contain(image, *mounts, "--network", "none", command=(*COMMAND, "--job-dir", "/jobs/one"))
    assert container.wait() == 4, container.log
    command = (*COMMAND, "--no-requirements", "--job-dir", "/jobs/two")
    container = contain(image, *mounts, "--network", "none", command=command)
    assert container.wait() == 0, container.log


def test_the_pods_of_a_job_share_a_volume_and_resume(
    image: str, network: str, contain: Contain, mounts, tmp_path: Path
) -> None:
    def pods() -> list[Any]:
        started = []
        for index in (0, 1):
            name = f"digits-{index}"
            variables = {"KUBERNETES_SERVICE_HOST": "10.0.0.1", "JOB_COMPLETION_INDEX": index, "SMC_HOST_COUNT": 2}
            environ = [word for key, value in variables.items() for word in ("--env", f"{key}={value}")]
            options = ("--network", network, "--network-alias", name, "--hostname", name)
            started.append(contain(image, *mounts, *environ, *options, command=(*COMMAND, "--job-dir", "/jobs/one")))
        return started

    for before in (set(), {"digits-0-attempt-0", "digits-1-attempt-0"}):
        for pod in (started := pods()):
            assert pod.wait() == 0, pod.log
            arguments, data, found, hosts = printed(pod)
            assert (arguments, data, hosts) == (["--epochs", "5"], ["points.csv"], ["digits-0", "digits-1"])
            assert before <= set(found)
        for pod in started:
            pod.remove()
    top = tmp_path / "jobs/one"
    assert sorted(path.name for path in (top / "rank-1").glob("attempt-*")) == ["attempt-0", "attempt-1"]
    assert sorted(path.name for path in (top / "model").iterdir()) == ["part-digits-0", "part-digits-1"]
    assert (top / "output/success").exists()
    assert json.loads((top / "platform.json").read_text()) == {"platform": "kubernetes", "job": "digits"}


def test_options_are_refused_on_sagemaker_which_would_not_find_the_model(
    image: str, contain: Contain, mounts, tmp_path: Path
) -> None:
    (tmp_path / "ml").mkdir()
    variables = ("--env", "TRAINING_JOB_NAME=digits", "--volume", f"{tmp_path}/ml:/opt/ml")
    container = contain(image, *mounts, *variables, "--network", "none", command=COMMAND)
    assert container.wait() == 2
    assert "cannot be used on SageMaker" in (tmp_path / "ml/output/failure").read_text()
