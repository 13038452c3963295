"""The state dict of a model as it is written: on the CPU, with its own data only, without tensors that have none."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from smc_core.errors import UserCodeError
from smc_pytorch.wrappers import is_distributed, with_plain_names

_SHOWN = 4

log = logging.getLogger("smc.pytorch")


def gathered(model: Any) -> dict[str, Any]:
    """The whole state dict on the primary process; every process has to call this.

    Args:
        model: a module that FSDP or ``fully_shard`` has sharded, or a state dict of one.

    """
    if isinstance(model, Mapping):
        return {name: value.full_tensor() if is_distributed(value) else value for name, value in model.items()}
    from torch.distributed.checkpoint.state_dict import StateDictOptions, get_model_state_dict

    options = StateDictOptions(full_state_dict=True, cpu_offload=True)
    state: dict[str, Any] = get_model_state_dict(model, options=options)
    return state


def state_of(model: Any) -> dict[str, Any]:
    """The state dict of a module that is whole in this process, with plain names."""
    return with_plain_names(model.state_dict(), model)


def portable(state: dict[str, Any]) -> dict[str, Any]:
    """A state dict that can be written, and read anywhere.

    Every tensor is on the CPU; tensors that share memory continue to do so. Tensors without data (lazy and meta ones)
    are omitted, and named in the log. Of a tensor that is a view of something larger, only its own data are kept.

    Args:
        state: the state dict; it is changed, and returned.

    Raises:
        UserCodeError: none of its tensors has data.

    """
    import torch
    from torch.utils._pytree import tree_flatten, tree_unflatten

    tensors = [name for name, value in state.items() if isinstance(value, torch.Tensor)]
    empty = [name for name in tensors if _has_no_data(state[name])]
    if empty:
        shown = ", ".join(empty[:_SHOWN]) + (f" and {len(empty) - _SHOWN} more" if len(empty) > _SHOWN else "")
        if len(empty) == len(tensors):
            raise UserCodeError(f"the model has no data, as its tensors are lazy, or on the meta device: {shown}")
        log.warning("not saved, as without data (lazy, or on the meta device): %s", shown)
        for name in empty:
            del state[name]
    leaves, form = tree_flatten(dict(state))  # a checkpoint has its tensors at a deeper level
    state.update(tree_unflatten(_on_cpu(leaves), form))
    return state


def is_state_dict(value: Any) -> bool:
    """Whether a value is a mapping of names to tensors and plain values: a state dict or a checkpoint.

    ``torch.load(..., weights_only=True)`` can read it.
    """
    import torch

    def is_plain(item: Any) -> bool:
        if isinstance(item, dict):
            return all(isinstance(key, (str, int)) and is_plain(each) for key, each in item.items())
        if isinstance(item, (list, tuple)):
            return type(item) in (list, tuple) and all(map(is_plain, item))
        return item is None or isinstance(item, (torch.Tensor, str, bool, int, float))

    def holds_tensors(item: Any) -> bool:
        if isinstance(item, dict):
            return any(map(holds_tensors, item.values()))
        return isinstance(item, torch.Tensor)

    named = isinstance(value, dict) and all(isinstance(key, str) for key in value)
    return named and holds_tensors(value) and is_plain(value)


def _has_no_data(tensor: Any) -> bool:
    from torch.nn.parameter import is_lazy

    return bool(is_lazy(tensor) or tensor.is_meta)


def _on_cpu(values: Sequence[Any]) -> list[Any]:
    """The values, with their tensors as they are written: those that share memory together."""
    import torch

    moved = list(values)
    families: dict[tuple[Any, int], list[int]] = {}
    for place, value in enumerate(values):
        if isinstance(value, torch.Tensor):
            moved[place] = tensor = value.detach()
            memory = _memory(tensor)
            if memory is None:  # sparse, or of a library's own class, which copies its parts itself
                moved[place] = tensor.cpu()
            else:
                families.setdefault((tensor.device, memory), []).append(place)
    for places in families.values():
        for place, tensor in zip(places, _relocated([moved[place] for place in places]), strict=True):
            moved[place] = tensor
    return moved


def _memory(tensor: Any) -> int | None:
    """The address of a plain tensor's memory; None if it has no memory of its own."""
    import torch

    if type(tensor) not in (torch.Tensor, torch.nn.Parameter) or tensor.layout != torch.strided:
        return None
    address: int = tensor.untyped_storage().data_ptr()
    return address or None


def _relocated(tensors: list[Any]) -> list[Any]:
    """Tensors that share memory, on the CPU: still shared if they use all of it; otherwise each view is copied once."""
    import torch

    memory = tensors[0].untyped_storage()
    views = {_view(tensor): tensor for tensor in tensors}
    spans = {_span(view): min(view.numel(), _span(view)[1]) * view.element_size() for view in views.values()}
    lazy = any(tensor.is_conj() or tensor.is_neg() for tensor in tensors)
    if memory.nbytes() > sum(spans.values()) or lazy:
        copies = {key: view.resolve_conj().resolve_neg().cpu().clone() for key, view in views.items()}
        return [copies[_view(tensor)] for tensor in tensors]
    if tensors[0].device.type == "cpu":
        return tensors
    memory = memory.cpu()
    return [
        torch.empty(0, dtype=each.dtype).set_(memory, each.storage_offset(), each.size(), each.stride())
        for each in tensors
    ]


def _span(tensor: Any) -> tuple[int, int]:
    """The first element of the memory that a view uses, and the number of elements from there to its last one."""
    steps = zip(tensor.size(), tensor.stride(), strict=True)
    return tensor.storage_offset(), 1 + sum((size - 1) * stride for size, stride in steps)


def _view(tensor: Any) -> tuple[Any, ...]:
    """What distinguishes the views of one memory."""
    flags = (tensor.is_conj(), tensor.is_neg())
    return (tensor.storage_offset(), tensor.size(), tensor.stride(), tensor.dtype, *flags)
