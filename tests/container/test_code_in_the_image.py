"""An image that brings its code, started with nothing mounted: ``/opt/ml`` is empty, or is not there at all."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable, Iterator

import pytest
from tests.container.engine import Container, build, docker

from smc_core.testing import JobFolder

Contain = Callable[..., Container]

CODE = """\
import json, os
facts = {name: os.environ.get(name) for name in ("SM_CHANNELS", "SM_HOSTS", "SM_CURRENT_HOST", "SM_HPS")}
facts["uid"] = os.getuid()
with open(os.environ["SM_MODEL_DIR"] + "/facts.json", "w") as file:
    json.dump(facts, file)
"""
DOCKERFILE = """\
FROM {image}
COPY train.py /opt/code/
ENV SAGEMAKER_SUBMIT_DIRECTORY=/opt/code SAGEMAKER_PROGRAM=train.py
"""
OWN = "RUN useradd trainer && install --directory --owner=trainer /opt/ml\nUSER trainer\n"


def _build(image: str, folder: pytest.TempPathFactory, more: str) -> Iterator[str]:
    context = folder.mktemp("baked")
    (context / "train.py").write_text(CODE)
    (context / "Dockerfile").write_text(DOCKERFILE.format(image=image) + more)
    name = build(context)
    yield name
    docker("image", "rm", "--force", name)


@pytest.fixture(scope="module")
def baked(image: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Its code in /opt/code, and no /opt/ml."""
    yield from _build(image, tmp_path_factory, "")


@pytest.fixture(scope="module")
def owned(image: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The same with a user of its own, to whom an empty /opt/ml belongs."""
    yield from _build(image, tmp_path_factory, OWN)


def _is_a_job_of_one_host_without_channels(container: Container) -> bool:
    facts = json.loads(container.read("model/facts.json") or "{}")
    own_name = docker("inspect", "--format", "{{.Config.Hostname}}", container.name)
    return (
        json.loads(facts["SM_HOSTS"]) == [own_name]
        and facts["SM_CURRENT_HOST"] == own_name
        and json.loads(facts["SM_CHANNELS"]) == []
        and json.loads(facts["SM_HPS"]) == {}
    )


@pytest.mark.parametrize("command", [(), ("train",)], ids=["docker run IMAGE", "docker run IMAGE train"])
def test_without_a_job_folder_it_is_a_job_of_one_host_without_channels(
    baked: str, contain: Contain, command: tuple[str, ...]
) -> None:
    container = contain(baked, command=command)
    assert container.wait() == 0, container.log
    assert container.success
    assert _is_a_job_of_one_host_without_channels(container)


def test_an_empty_job_folder_that_belongs_to_a_user_is_enough_for_that_user(owned: str, contain: Contain) -> None:
    container = contain(owned, "--network", "none")
    assert container.wait() == 0, container.log
    assert container.success
    assert _is_a_job_of_one_host_without_channels(container)
    assert json.loads(container.read("model/facts.json") or "")["uid"] != 0


def test_an_empty_folder_that_is_mounted_is_enough(baked: str, volume: str, contain: Contain) -> None:
    container = contain(baked, "--volume", f"{volume}:/opt/ml")
    assert container.wait() == 0, container.log
    assert container.success
    assert _is_a_job_of_one_host_without_channels(container)


def test_a_new_volume_there_belongs_to_the_user_of_the_image(owned: str, volume: str, contain: Contain) -> None:
    container = contain(owned, "--volume", f"{volume}:/opt/ml")
    assert container.wait() == 0, container.log
    assert container.success
    assert json.loads(container.read("model/facts.json") or "")["uid"] != 0


def test_a_user_who_cannot_make_the_job_folder_is_told_so(baked: str, contain: Contain) -> None:
    container = contain(baked, "--user", "12345:12345")
    assert container.wait() == 2, container.log
    assert "/opt/ml" in container.log
    assert "cannot be written" in container.log
    assert "Traceback" not in container.log


@pytest.mark.parametrize("where", ["archive", "mounted"])
def test_what_a_client_submits_is_trained_in_place_of_the_baked_code(
    baked: str, job: JobFolder, contain: Contain, where: str
) -> None:
    """As release 2 of the SageMaker SDK writes it: every value is JSON, text too. Its local mode mounts the code."""
    submitted = b"print('submitted', __file__)\n"
    if where == "mounted":
        folder = "/opt/ml/code"
        job.code_files({"fit.py": submitted})
    else:
        folder = "/opt/ml/input/data/code/sourcedir.tar.gz"
        with tarfile.open(job.channel("code") / "sourcedir.tar.gz", "w:gz") as archive:
            member = tarfile.TarInfo("fit.py")
            member.size = len(submitted)
            archive.addfile(member, io.BytesIO(submitted))
    values = {"sagemaker_submit_directory": folder, "sagemaker_program": "fit.py"}
    job.raw_hyperparameters({key: json.dumps(value) for key, value in values.items()})
    container = contain(baked, "--volume", f"{job.base}:/opt/ml", command=("train",))
    assert container.wait() == 0, container.log
    assert "submitted /opt/ml/code/fit.py" in container.log
    assert container.read("model/facts.json") is None
    assert "not used: /opt/code (variable SAGEMAKER_SUBMIT_DIRECTORY)" in container.log
    assert "train.py (variable SAGEMAKER_PROGRAM)" in container.log
