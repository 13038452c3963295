"""An Indexed Job, and the headless Service by which its pods find each other."""

from __future__ import annotations

from typing import Any

from smc_core.errors import NEVER_BETTER
from smc_core.manifest import pods
from smc_core.manifest.request import Request, required, unsupported
from smc_core.manifest.yaml_text import Comment, document


def write(request: Request) -> str:
    """The Service and the Job, two documents."""
    required("kubernetes", [("--image", request.image)])
    unsupported(
        "kubernetes",
        [
            ("--gpu-type", request.gpu_type),
            ("--role", request.role),
            ("--output", request.output),
            ("--checkpoints", request.checkpoints),
        ],
    )
    return f"{document(_service(request))}---\n{document(_job(request))}"


def _service(request: Request) -> dict[str, Any]:
    return {
        Comment("Gives each pod a name in DNS."): None,
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": request.name},
        "spec": {
            "clusterIP": "None",
            Comment("The pods look for each other before all of them are ready."): None,
            "publishNotReadyAddresses": True,
            "selector": {"batch.kubernetes.io/job-name": request.name},
        },
    }


def _job(request: Request) -> dict[str, Any]:
    deadline = {} if request.minutes is None else {"activeDeadlineSeconds": request.minutes * 60}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": request.name},
        "spec": {
            "completionMode": "Indexed",
            "completions": request.hosts,
            "parallelism": request.hosts,
            "backoffLimit": 3 * request.hosts,
            **deadline,
            "podFailurePolicy": _policy(),
            "template": {"spec": _pod(request)},
        },
    }


def _policy() -> dict[str, Any]:
    disruption = {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}
    return {
        "rules": [
            {
                Comment("Configuration, plugin, code: another attempt would fail in the same way."): None,
                "action": "FailJob",
                "onExitCodes": {"containerName": "smc", "operator": "In", "values": list(NEVER_BETTER)},
            },
            {Comment("A preempted or evicted pod does not count as a failure."): None, **disruption},
        ],
    }


def _pod(request: Request) -> dict[str, Any]:
    limits = pods.limits(request)
    return {
        "restartPolicy": "Never",
        "subdomain": request.name,
        "terminationGracePeriodSeconds": request.grace,
        "containers": [
            {
                "name": "smc",
                "image": request.image,
                "command": [pods.literal(word) for word in request.command()],
                "env": pods.variables(request, with_count=True),
                **({"resources": {"limits": limits}} if limits else {}),
                "volumeMounts": pods.mounts(request),
            }
        ],
        "volumes": pods.volumes(request),
    }
