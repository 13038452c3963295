"""The key by which the hosts of one job recognise each other. Standard library only."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping

from smc_core.contract import HYPERPARAMETERS_FILE, job_paths
from smc_core.json_file import parse_json, read_json_text
from smc_core.settings import HOST_SECRET, MAX_CONFIG_BYTES

_SAME_ON_ALL = ("SM_HOSTS", "TRAINING_JOB_ARN", "SAGEMAKER_JOB_NAME")


def host_key(environ: Mapping[str, str]) -> bytes:
    """The key of the job's hosts, 32 bytes.

    It is derived from ``SMC_HOST_SECRET`` where that is set. Otherwise from what the platform gives to all hosts of the
    job and to nobody else: ``hyperparameters.json`` (its content, in any order of keys), the list of hosts, the job's
    ARN and its name.

    Args:
        environ: the variables of a process of the job.

    """
    secret = HOST_SECRET.of(environ) or ""
    parts = [secret.encode("utf-8", "surrogateescape")] if secret else [_hyperparameters(environ), *_names(environ)]
    digest = hashlib.sha256(b"smc hosts 1")
    for part in parts:
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.digest()


def is_guessable(environ: Mapping[str, str]) -> bool:
    """Whether the key is derived from names alone, which a stranger on the network may know or guess."""
    return not (HOST_SECRET.of(environ) or environ.get("TRAINING_JOB_ARN") or _hyperparameters(environ))


def _names(environ: Mapping[str, str]) -> list[bytes]:
    return [environ.get(name, "").encode("utf-8", "surrogateescape") for name in _SAME_ON_ALL]


def _hyperparameters(environ: Mapping[str, str]) -> bytes:
    path = os.path.join(job_paths(environ=environ).input_config, HYPERPARAMETERS_FILE)
    try:
        text = read_json_text(path, MAX_CONFIG_BYTES.of(environ))
        return json.dumps(parse_json(text), sort_keys=True).encode("ascii")
    except (OSError, ValueError):  # no file; a malformed one has already failed the job
        return b""
