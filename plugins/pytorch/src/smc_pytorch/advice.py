"""Advice on common problems: too little shared memory, and a GPU that has run out of memory."""

from __future__ import annotations

import os
from typing import Any

from smc_core.kit import log_line, size_text

SHARED_MEMORY = "/dev/shm"  # noqa: S108 - only inspected
LEAST_SHARED_MEMORY = 1 << 30
"""Bytes; with less, data loaders with workers die of SIGBUS. Docker gives 64 MiB (``docker run --shm-size``)."""


def warn_of_little_shared_memory(path: str = SHARED_MEMORY) -> None:
    """Log a warning if there is too little shared memory for data loaders.

    Args:
        path: where it is mounted.

    """
    try:
        state = os.statvfs(path)
    except OSError:
        return
    size = state.f_blocks * state.f_frsize
    if size < LEAST_SHARED_MEMORY:
        log_line(
            f"{path} has {size_text(size)}: too little for data loaders with workers, which hand batches over there; "
            "docker run --shm-size=8g, or DataLoader(num_workers=0)"
        )


def add_note(error: BaseException, note: str) -> None:
    """``error.add_note``, which Python 3.10 does not have; the failure file shows notes with the message."""
    notes = getattr(error, "__notes__", None)
    error.__notes__ = [*(notes or []), note]  # type: ignore[attr-defined]


def explain_memory(error: BaseException, batch_size: Any = None) -> None:
    """Add notes to an out-of-memory error of a GPU: what was used, and what can be done.

    Args:
        error: any exception; others are left as they are.
        batch_size: the batch size of the job, if known.

    """
    import torch

    if not isinstance(error, torch.cuda.OutOfMemoryError):
        return
    smaller = f"a smaller batch (it is {batch_size})" if batch_size is not None else "a smaller batch"
    add_note(
        error,
        f"{_memory()}try {smaller}, gradient accumulation, torch.autocast, activation checkpointing, "
        "or PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True where memory is reserved and not allocated",
    )


def _memory() -> str:
    import torch

    if not torch.cuda.is_available():
        return ""
    try:
        device = torch.cuda.current_device()
        free, total = torch.cuda.mem_get_info(device)
        allocated, reserved = torch.cuda.memory_allocated(device), torch.cuda.memory_reserved(device)
    except RuntimeError:
        return ""
    return (
        f"GPU {device}: PyTorch has allocated {size_text(allocated)} and reserved {size_text(reserved)}; "
        f"{size_text(free)} of {size_text(total)} are free; "
    )
