"""What is wrapped around a module, and whether it is sharded over several processes.

Wrappers are recognised by their class and never by the name of an attribute: a user's module may have an attribute of
any name. A process that has not imported a wrapper's class has no instance of it, so it is not imported for that.
"""

from __future__ import annotations

import sys
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

_WRAPPERS = (
    ("torch.nn.parallel.distributed", "DistributedDataParallel", "module"),
    ("torch.nn.parallel.data_parallel", "DataParallel", "module"),
    ("torch._dynamo.eval_frame", "OptimizedModule", "_orig_mod"),  # torch.compile
    ("torch.optim.swa_utils", "AveragedModel", "module"),
)
"""Module, class, and the attribute that has what is wrapped."""


def unwrap(model: Any) -> Any:
    """The user's own module inside DDP, DataParallel, ``torch.compile`` and AveragedModel."""
    while (inner := inside(model)) is not None:
        model = getattr(model, inner)
    return model


def inside(module: Any) -> str | None:
    """The attribute in which a wrapper holds the wrapped module; None for a module that is not a wrapper."""
    return next((inner for place, name, inner in _WRAPPERS if isinstance(module, _known(place, name))), None)


def is_sharded(model: Any) -> bool:
    """Whether parts of a module, or of a mapping of tensors, are in other processes."""
    if isinstance(model, Mapping):
        return any(is_distributed(value) for value in model.values())
    fsdp = _known("torch.distributed.fsdp", "FullyShardedDataParallel")
    return any(is_distributed(parameter) for parameter in model.parameters()) or any(
        isinstance(part, fsdp) for part in model.modules()
    )


def holds_parts(model: Any) -> bool:
    """Whether a module, or a module or state dict in a tuple, list or mapping, is sharded over processes."""
    module = _known("torch.nn", "Module")
    if isinstance(model, (module, Mapping)) and is_sharded(model):
        return True
    inner = model.values() if isinstance(model, Mapping) else model if isinstance(model, (tuple, list)) else ()
    return any(isinstance(each, (module, Mapping)) and is_sharded(each) for each in inner)


def is_distributed(tensor: Any) -> bool:
    """Whether it is a DTensor, of which each process has a part."""
    return isinstance(tensor, _known("torch.distributed.tensor", "DTensor"))


def with_plain_names(state: dict[str, Any], model: Any) -> dict[str, Any]:
    """The state dict with the names that it would have if no part of the model were wrapped."""
    parts = model.named_modules(remove_duplicate=False)
    wrapped = [(name, inner) for name, part in parts if (inner := inside(part)) is not None]
    if not wrapped:
        return state
    wrapped.sort(key=lambda each: len(each[0]), reverse=True)  # the inner one of two, first

    def plain(name: str) -> str:
        for outer, inner in wrapped:
            if name.startswith(f"{outer}.{inner}."):
                name = outer + name[len(outer) + 1 + len(inner) :]
        return name

    own = {f"{outer}.n_averaged" for outer, _ in wrapped}  # only of use to an AveragedModel
    renamed = OrderedDict((plain(name), value) for name, value in state.items() if name not in own)
    versions = getattr(state, "_metadata", {})  # of each module, which load_state_dict reads
    renamed._metadata = OrderedDict(  # type: ignore[attr-defined]
        (plain(f"{name}.")[:-1], version) for name, version in versions.items()
    )
    return renamed


def _known(place: str, name: str) -> Any:
    """A class, if this process has imported it; otherwise no class."""
    return getattr(sys.modules.get(place), name, ())
