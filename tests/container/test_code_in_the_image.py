"""An image that brings its code, started with nothing mounted: ``/opt/ml`` is empty, or is not there at all."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest
from tests.container.engine import Container, build, docker

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
