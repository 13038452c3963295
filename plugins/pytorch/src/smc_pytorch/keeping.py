"""Keep a return value of ``train`` that could not be saved, by ``torch.save``, if it contains tensors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from smc_core.kit import error_in_a_line, write_whole
from smc_pytorch.formats import write_tensors
from smc_pytorch.states import portable, state_of
from smc_pytorch.wrappers import is_distributed, is_sharded, unwrap

_DEEPEST = 4
"""How far down tensors and modules are looked for."""


def keep(value: Any, path: str) -> str | None:
    """Write a value for ``torch.load(..., weights_only=False)``, which has ``map_location``, unlike pickle.

    A module that cannot be pickled is replaced by its state dict. Of a sharded module, the part of this process is
    written, under a name that says so.

    Args:
        value: what ``train`` returned.
        path: the file, without a suffix.

    Returns:
        The path; None if the value contains no tensor.

    Raises:
        Exception: no part of it can be written.

    """
    if not _holds_tensors(value):
        return None
    if _is_part(value):
        path = f"{path}-part"
    try:
        return write_whole(f"{path}.pt", lambda partial: write_tensors(_parts_of_this(value), partial))
    except OSError:
        raise
    except Exception:  # noqa: BLE001 - pickling runs the code of any class
        return write_whole(f"{path}.pt", lambda partial: write_tensors(_plain(value), partial))


def _holds_tensors(value: Any, depth: int = 0) -> bool:
    import torch

    if isinstance(value, (torch.Tensor, torch.nn.Module)):
        return True
    inner = _inner(value) if depth < _DEEPEST else ()
    return any(_holds_tensors(each, depth + 1) for each in inner)


def _inner(value: Any) -> Any:
    if isinstance(value, Mapping):
        return value.values()
    return value if isinstance(value, (tuple, list)) else ()


def _is_part(value: Any) -> bool:
    import torch

    return isinstance(value, torch.nn.Module) and is_sharded(value)


def _parts_of_this(value: Any) -> Any:
    """The value; of a sharded module, the part of this process."""
    if _is_part(value):
        return {name: each.to_local() if is_distributed(each) else each for name, each in value.state_dict().items()}
    return value


def _plain(value: Any, depth: int = 0) -> Any:
    """A copy with state dicts in place of modules, and descriptions in place of whatever else cannot be pickled."""
    import io

    import torch

    if isinstance(value, torch.nn.Module):
        return portable(state_of(unwrap(value)))
    if depth < _DEEPEST and _holds_tensors(value):
        if isinstance(value, Mapping):
            return {key: _plain(each, depth + 1) for key, each in value.items()}
        if isinstance(value, (tuple, list)):
            return [_plain(each, depth + 1) for each in value]
    try:
        torch.save(value, io.BytesIO())
    except Exception as error:  # noqa: BLE001 - pickling runs the code of any class
        return f"{type(value).__module__}.{type(value).__qualname__}, which cannot be pickled: {error_in_a_line(error)}"
    return value
