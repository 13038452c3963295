"""The golden manifests: file → the arguments that give it. ``python -m tests.manifest.cases`` writes them again."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path

from smc_core.cli import main
from smc_core.manifest import ENGINES

GOLDEN = Path(__file__).parent / "golden"
_SAGEMAKER = ["--role", "arn:aws:iam::123456789012:role/Train", "--instance-type", "ml.g5.xlarge"]
_SAGEMAKER += ["--output", "s3://bucket/out", "--checkpoints", "s3://bucket/checkpoints"]


def _arguments(engine: str, hosts: int, gpus: int) -> list[str]:
    words = [engine, "--hosts", str(hosts), "train.py", "-p", "epochs=5", "-p", 'note=it\'s $(HOME) ${x} "ü"\n#']
    words += ["--env", "NCCL_DEBUG=$INFO", "-c", f"training={'s3://bucket' if engine == 'sagemaker' else ''}/data"]
    if engine == "sagemaker":
        return [*words, *_SAGEMAKER, "--image", "registry.example/digits:1"]
    if engine not in ("slurm", "ray") or (engine == "slurm" and gpus):
        words += ["--image", "registry.example/digits:1"]
    if engine in ("kubernetes", "kubeflow"):
        words += ["--claim", "data=/data", "--job-dir", "/data/jobs/digits"]
    if engine == "skypilot" and gpus:
        words += ["--gpu-type", "H100"]
    return [*words, "--gpus", str(gpus), "--cpus", "4", "--memory", "8G"]


CASES = {
    f"{engine}-{hosts}-hosts-{gpus}-gpus": _arguments(engine, hosts, gpus)
    for engine in ENGINES
    for hosts in (1, 2)
    for gpus in ((0,) if engine == "sagemaker" else (0, 1))
}


def printed(arguments: list[str]) -> str:
    """What ``smc manifest`` prints."""
    with contextlib.redirect_stdout(io.StringIO()) as out:
        assert main(["manifest", *arguments]) == 0
    return out.getvalue()


if __name__ == "__main__":
    for name, arguments in CASES.items():
        (GOLDEN / name).write_text(printed(arguments))
