"""A request ``CreateTrainingJob``, as JSON for ``aws sagemaker create-training-job --cli-input-json``."""

from __future__ import annotations

import json
from typing import Any

from smc_core.errors import ConfigurationError
from smc_core.manifest.request import Request, path_in_container, required, unsupported


def write(request: Request) -> str:
    """The request."""
    required(
        "sagemaker",
        [
            ("--image", request.image),
            ("--role", request.role),
            ("--instance-type", request.instance_type),
            ("--output", request.output),
        ],
    )
    unsupported(
        "sagemaker",
        [
            ("--gpus (the instance type says it)", request.gpus),
            ("--gpu-type", request.gpu_type),
            ("--cpus", request.cpus),
            ("--memory", request.memory),
            ("--claim", request.claims),
            ("--job-dir", request.job_dir),
        ],
    )
    places = {**request.channels, "--output": request.output, "--checkpoints": request.checkpoints}
    for name, place in places.items():
        if place is not None and not place.startswith("s3://"):
            raise ConfigurationError(f"smc manifest sagemaker: {name} {place!r} must begin with s3://")
    return f"{json.dumps(_content(request), indent=2)}\n"


def _content(request: Request) -> dict[str, Any]:
    content: dict[str, Any] = {
        "TrainingJobName": request.name,
        "RoleArn": request.role,
        "AlgorithmSpecification": {
            "TrainingImage": request.image,
            "TrainingInputMode": "File",
            "ContainerEntrypoint": ["smc", "run"],
            "ContainerArguments": [path_in_container("sagemaker", request.target)],
        },
        "OutputDataConfig": {"S3OutputPath": request.output},
        "ResourceConfig": {
            "InstanceType": request.instance_type,
            "InstanceCount": request.hosts,
            "VolumeSizeInGB": 100,
        },
        "StoppingCondition": {"MaxRuntimeInSeconds": 60 * (request.minutes or 24 * 60)},
    }
    if request.channels:
        content["InputDataConfig"] = [_channel(*each) for each in request.channels.items()]
    if request.hyperparameters:
        content["HyperParameters"] = request.hyperparameters
    if request.variables:
        content["Environment"] = request.variables
    if request.checkpoints:
        content["CheckpointConfig"] = {"S3Uri": request.checkpoints}
    return content


def _channel(name: str, uri: str) -> dict[str, Any]:
    source = {"S3DataType": "S3Prefix", "S3Uri": uri, "S3DataDistributionType": "FullyReplicated"}
    return {"ChannelName": name, "DataSource": {"S3DataSource": source}}
