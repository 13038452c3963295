"""Divides a dataset among the processes."""

from __future__ import annotations

from typing import Any


def distributed_sampler(dataset: Any, *, shuffle: bool = True, seed: int = 0, drop_last: bool = False) -> Any:
    """A sampler that gives this process its share of a dataset, for ``DataLoader(dataset, sampler=...)``.

    The loader's own ``shuffle`` must be omitted if there is a sampler:
    ``DataLoader(dataset, batch_size, sampler=sampler, shuffle=sampler is None)``. Call ``sampler.set_epoch(epoch)`` at
    the beginning of each epoch; otherwise every epoch has the order of the first.

    Args:
        dataset: anything with a length.
        shuffle: whether the order is random.
        seed: the seed of that order; the same in all processes.
        drop_last: whether to omit the last samples if they cannot be divided evenly; otherwise some are repeated.

    Returns:
        A ``torch.utils.data.DistributedSampler``; None if this process trains alone.

    """
    import torch.distributed as dist

    if not (dist.is_available() and dist.is_initialized()) or dist.get_world_size() == 1:
        return None
    from torch.utils.data.distributed import DistributedSampler

    return DistributedSampler(dataset, shuffle=shuffle, seed=seed, drop_last=drop_last)
