"""A task for ``sky launch`` or ``sky jobs launch``."""

from __future__ import annotations

import shlex
from typing import Any

from smc_core.manifest.request import Request, required, unsupported
from smc_core.manifest.yaml_text import Comment, document

_DATA = "/mnt/channels"


def write(request: Request) -> str:
    """The task."""
    if request.gpus:
        required("skypilot", [("--gpu-type", request.gpu_type)])
    unsupported(
        "skypilot",
        [
            ("--time", request.minutes),
            ("--claim", request.claims),
            ("--role", request.role),
            ("--output", request.output),
            ("--checkpoints", request.checkpoints),
        ],
    )
    mounted = {name: f"{_DATA}/{name}" for name in request.channels}
    task: dict[str, Any] = {
        "name": request.name,
        Comment("This folder is copied to every node, and the target is run in it."): None,
        "workdir": ".",
        "num_nodes": request.hosts,
    }
    resources = _resources(request)
    if resources:
        task["resources"] = resources
    if request.channels:
        task["file_mounts"] = {mounted[name]: path for name, path in request.channels.items()}
    if request.variables:
        task["envs"] = request.variables
    task[Comment("Run on every node at the same time; smc finds the others by SkyPilot's variables.")] = None
    task["run"] = f"exec {shlex.join(request.command(mounted))}\n"
    return document(task)


def _resources(request: Request) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if request.image:
        found["image_id"] = f"docker:{request.image}"
    if request.gpus:
        found["accelerators"] = f"{request.gpu_type}:{request.gpus}"
    if request.cpus:
        found["cpus"] = f"{request.cpus}+"
    if request.memory:
        amount, unit = int(request.memory[:-1]), request.memory[-1]
        found["memory"] = f"{amount if unit == 'G' else -(-amount // 1024)}+"
    return found
