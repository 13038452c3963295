"""What the manifests of Kubernetes' engines share: a container and its volumes."""

from __future__ import annotations

from typing import Any

from smc_core.manifest.request import Request
from smc_core.settings import HOST_COUNT


def literal(text: str) -> str:
    """A text in which the kubelet expands nothing: it replaces ``$(NAME)`` in arguments and variables."""
    return text.replace("$", "$$")


def variables(request: Request, *, with_count: bool) -> list[dict[str, Any]]:
    """The variables of a container.

    Args:
        request: what is to run.
        with_count: whether the number of hosts is among them, which an Indexed Job does not say.

    """
    count = {HOST_COUNT.name: str(request.hosts)} if with_count else {}
    return [{"name": name, "value": literal(value)} for name, value in {**count, **request.variables}.items()]


def limits(request: Request) -> dict[str, Any]:
    """What a container may use: the same is requested."""
    found: dict[str, Any] = {}
    if request.cpus:
        found["cpu"] = str(request.cpus)
    if request.memory:
        found["memory"] = f"{request.memory}i"
    if request.gpus:
        found["nvidia.com/gpu"] = str(request.gpus)
    return found


def volumes(request: Request) -> list[dict[str, Any]]:
    """The volumes of a pod: its shared memory, and the claims."""
    memory: dict[str, Any] = {"name": "shm", "emptyDir": {"medium": "Memory"}}
    claims = [{"name": f"claim-{n}", "persistentVolumeClaim": {"claimName": c}} for n, c in enumerate(request.claims)]
    return [memory, *claims]


def mounts(request: Request) -> list[dict[str, Any]]:
    """Where a container has them. Data loaders need more shared memory than a runtime's 64 MiB."""
    claims = [{"name": f"claim-{n}", "mountPath": path} for n, path in enumerate(request.claims.values())]
    return [{"name": "shm", "mountPath": "/dev/shm"}, *claims]  # noqa: S108 - the place for shared memory
