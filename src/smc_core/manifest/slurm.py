"""A batch script for ``sbatch``: one task a node, which is one host."""

from __future__ import annotations

import shlex

from smc_core.manifest.request import Request, unsupported


def write(request: Request) -> str:
    """The script."""
    unsupported("slurm", [("--claim", request.claims), *_of_sagemaker(request)])
    return "\n".join([*_head(request), *_body(request), ""])


def _of_sagemaker(request: Request) -> list[tuple[str, object]]:
    return [("--role", request.role), ("--output", request.output), ("--checkpoints", request.checkpoints)]


def _head(request: Request) -> list[str]:
    gpus = f":{request.gpu_type}" if request.gpu_type else ""
    return [
        "#!/bin/bash",
        f"#SBATCH --job-name={request.name}",
        f"#SBATCH --nodes={request.hosts}",
        "# One task a node: smc starts the processes of a node itself.",
        "#SBATCH --ntasks-per-node=1",
        *([f"#SBATCH --gpus-per-node={gpus[1:] + ':' if gpus else ''}{request.gpus}"] if request.gpus else []),
        *([f"#SBATCH --cpus-per-task={request.cpus}"] if request.cpus else []),
        *([f"#SBATCH --mem={request.memory}"] if request.memory else []),
        *([f"#SBATCH --time={request.minutes}"] if request.minutes else []),
        "# SIGTERM this many seconds before the time limit, to the tasks: the script can save a checkpoint.",
        f"#SBATCH --signal=TERM@{request.grace}",
        "# A requeued job has the same id, finds its checkpoints, and goes on with the same log.",
        "#SBATCH --requeue",
        "#SBATCH --open-mode=append",
        "#SBATCH --output=%x-%j.log",
    ]


def _body(request: Request) -> list[str]:
    words = ["srun", "--kill-on-bad-exit=1", "--ntasks-per-node=1"]
    if request.cpus:
        words.append(f"--cpus-per-task={request.cpus}")  # srun does not take it from sbatch since Slurm 22.05
    run = shlex.join(request.command())
    image = request.image or "IMAGE"
    source = image if image.endswith(".sif") else f"docker://{image}"
    container = shlex.join(["apptainer", "exec", *(["--nv"] if request.gpus else []), source])
    pyxis = f'--container-image={shlex.quote(image)} --container-mounts="$PWD:$PWD" --container-workdir="$PWD"'
    plain = shlex.join(words)
    lines = [f"export {name}={shlex.quote(value)}" for name, value in request.variables.items()]
    variants = [
        "# In a container of Apptainer, whose folders besides the working directory need --bind:",
        *_commented(f"exec {plain} {container} {run}"),
        "# In a container of the Pyxis plugin:",
        *_commented(f"exec {plain} {pyxis} {run}"),
    ]
    if request.image:
        return ["", *lines, *variants[2:], f"exec {plain} {container} {run}"]
    return ["", *lines, *variants, f"exec {plain} {run}"]


def _commented(command: str) -> list[str]:
    """A command as comment: each of its lines, since a quoted value may have several."""
    return [f"#   {line}" for line in command.split("\n")]
