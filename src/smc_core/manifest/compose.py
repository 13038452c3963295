"""A file for ``docker compose``: one service a host, with the names that SageMaker gives."""

from __future__ import annotations

import json
import os
from typing import Any

from smc_core.manifest.request import Request, path_in_container, required, unsupported
from smc_core.manifest.yaml_text import Comment, document

_BASE = "/opt/ml"


def write(request: Request) -> str:
    """The file."""
    required("compose", [("--image", request.image)])
    unsupported(
        "compose",
        [
            ("--gpu-type", request.gpu_type),
            ("--time", request.minutes),
            ("--claim", request.claims),
            ("--job-dir", request.job_dir),
            ("--role", request.role),
            ("--output", request.output),
            ("--checkpoints", request.checkpoints),
        ],
    )
    hosts = [f"algo-{number}" for number in range(1, request.hosts + 1)]
    configs = {f"resources-{host}": {"content": _resources(host, hosts)} for host in hosts}
    configs["hyperparameters"] = {"content": _literal(json.dumps(request.hyperparameters))}
    return document(
        {
            "name": request.name,
            Comment(
                "Each service is a host; a failed one stops the others: docker compose up --abort-on-container-failure"
            ): None,
            "services": {host: _service(request, host) for host in hosts},
            "configs": configs,
        }
    )


def _resources(host: str, hosts: list[str]) -> str:
    return json.dumps({"current_host": host, "hosts": hosts, "network_interface_name": "eth0"})


def _service(request: Request, host: str) -> dict[str, Any]:
    service: dict[str, Any] = {
        "image": request.image,
        "hostname": host,
        "entrypoint": ["smc", "run", _literal(path_in_container("compose", request.target))],
        "command": [],
        "environment": {
            "TRAINING_JOB_NAME": request.name,
            **{name: _literal(value) for name, value in request.variables.items()},
        },
        "configs": [
            {"source": f"resources-{host}", "target": f"{_BASE}/input/config/resourceconfig.json"},
            {"source": "hyperparameters", "target": f"{_BASE}/input/config/hyperparameters.json"},
        ],
        "stop_grace_period": f"{request.grace}s",
        "shm_size": "1gb",
    }
    if request.channels:
        service["volumes"] = [_mount(*each) for each in request.channels.items()]
    if request.cpus:
        service["cpus"] = request.cpus
    if request.memory:
        service["mem_limit"] = request.memory.lower()
    if request.gpus:
        device = {"driver": "nvidia", "count": request.gpus, "capabilities": ["gpu"]}
        service["deploy"] = {"resources": {"reservations": {"devices": [device]}}}
    return service


def _mount(name: str, path: str) -> dict[str, Any]:
    source = path if path.startswith("/") else os.path.join(".", path)
    target = f"{_BASE}/input/data/{name}"
    return {"type": "bind", "source": _literal(source), "target": target, "read_only": True}


def _literal(text: str) -> str:
    """A text in which compose expands nothing."""
    return text.replace("$", "$$")
