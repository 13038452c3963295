"""A TrainJob of Kubeflow Trainer 2."""

from __future__ import annotations

from typing import Any

from smc_core.errors import ConfigurationError
from smc_core.manifest import pods
from smc_core.manifest.request import Request, required, unsupported
from smc_core.manifest.yaml_text import Comment, document

_LONGEST = 63
"""Characters of the name of a pod that is a host."""


def write(request: Request) -> str:
    """The TrainJob."""
    required("kubeflow", [("--image", request.image)])
    unsupported(
        "kubeflow",
        [
            ("--gpu-type", request.gpu_type),
            ("--role", request.role),
            ("--output", request.output),
            ("--checkpoints", request.checkpoints),
        ],
    )
    longest = _LONGEST - len(f"-node-0-{request.hosts - 1}-xxxxx")
    if len(request.name) > longest:
        raise ConfigurationError(
            f"--name {request.name!r}: kubeflow makes names of pods of it; use up to {longest} characters"
        )
    deadline = {} if request.minutes is None else {"activeDeadlineSeconds": request.minutes * 60}
    return document(
        {
            "apiVersion": "trainer.kubeflow.org/v1alpha1",
            "kind": "TrainJob",
            "metadata": {"name": request.name},
            "spec": {
                Comment("The runtime's image and command are replaced; its variables say who the hosts are."): None,
                "runtimeRef": {"name": "torch-distributed"},
                **deadline,
                "trainer": _trainer(request),
                Comment("runtimePatches needs Kubeflow Trainer 2.2 or later."): None,
                "runtimePatches": [{"manager": "smc.dev/manifest", "trainingRuntimeSpec": _patch(request)}],
            },
        }
    )


def _trainer(request: Request) -> dict[str, Any]:
    limits = pods.limits(request)
    given = pods.variables(request, with_count=False)
    return {
        "image": request.image,
        "command": [pods.literal(word) for word in request.command()],
        "numNodes": request.hosts,
        **({"env": given} if given else {}),
        **({"resourcesPerNode": {"limits": limits}} if limits else {}),
    }


def _patch(request: Request) -> dict[str, Any]:
    pod = {
        "terminationGracePeriodSeconds": request.grace,
        "volumes": pods.volumes(request),
        "containers": [{"name": "node", "volumeMounts": pods.mounts(request)}],
    }
    job = {"name": "node", "template": {"spec": {"template": {"spec": pod}}}}
    return {"template": {"spec": {"replicatedJobs": [job]}}}
