"""Write a model so that it is there whole or not at all, and find it again.

Of a model whose parameters are spread over the processes (FSDP, FSDP2, DTensor), all processes give their parts, and
the primary one writes a single file, which loads into the plain module anywhere.
"""

from __future__ import annotations

import copy
import logging
import os
import sys
from collections import OrderedDict
from types import ModuleType
from typing import Any

from smc_core.artifacts import in_a_line, write_whole
from smc_core.compatibility import is_installed

MODEL_FILE = "model.pt"
"""The state dict, for ``torch.load(..., weights_only=True)``, below the model folder."""
SAFETENSORS_FILE = "model.safetensors"
"""The same tensors in the safetensors format, where that is installed."""
PROGRAM_FILE = "model.pt2"
"""The model as a ``torch.export`` program, which runs without its Python code, where an example input is given."""
EXAMPLE_INPUT = "example_input"
"""Name of the user's example input: a function of the module, a value in it, or an attribute of the model."""

log = logging.getLogger("smc.pytorch")


def save(model: Any, module: ModuleType, model_dir: str, *, writes: bool) -> str:
    """Write the model in every format that there is what it needs for.

    Args:
        model: a ``torch.nn.Module``, as DDP, ``torch.compile`` or FSDP may have wrapped it.
        module: the user's module, for its ``example_input``.
        model_dir: the folder.
        writes: whether this process is the one that writes. Only the parts of a sharded model are asked of others.

    Returns:
        Path of the state dict.

    """
    path = os.path.join(model_dir, MODEL_FILE)
    plain, sharded = unwrap(model), is_sharded(model)
    state = _gathered(model) if sharded else {}
    if not writes:
        return path
    if not sharded:
        state = _on_cpu(plain)
    import torch

    write_whole(path, lambda partial: torch.save(state, partial))
    if is_installed("safetensors"):
        try:
            write_whole(os.path.join(model_dir, SAFETENSORS_FILE), lambda partial: _save_tensors(state, partial))
        except Exception as error:  # noqa: BLE001 - sparse and complex tensors; the model itself is saved
            log.info("not saved as %s: %s", SAFETENSORS_FILE, in_a_line(error))
    _export_for_serving(plain, module, model_dir, sharded=sharded)
    return path


def unwrap(model: Any) -> Any:
    """The user's own module inside DDP, DataParallel and ``torch.compile``."""
    while (inner := _inside(model)) is not None:
        model = getattr(model, inner)
    return model


def _inside(module: Any) -> str | None:
    """The attribute of a wrapper that has what it wraps; None for a module that is no wrapper."""
    from torch.nn.parallel import DataParallel, DistributedDataParallel

    if isinstance(module, (DataParallel, DistributedDataParallel)):
        return "module"
    return "_orig_mod" if hasattr(module, "_orig_mod") else None


def is_sharded(model: Any) -> bool:
    """Whether parts of the model lie in other processes; one that has not imported these classes has none of them."""
    tensor = getattr(sys.modules.get("torch.distributed.tensor"), "DTensor", ())
    fsdp = getattr(sys.modules.get("torch.distributed.fsdp"), "FullyShardedDataParallel", ())
    return any(isinstance(parameter, tensor) for parameter in model.parameters()) or any(
        isinstance(part, fsdp) for part in model.modules()
    )


def load_model(model: Any, path: str | os.PathLike[str], *, map_location: Any = "cpu") -> Any:
    """Load what a job has saved into a module of the same architecture, in any process.

    Args:
        model: the ``torch.nn.Module`` to fill; it stays on its device.
        path: a file, or a folder in which ``model.pt`` or ``model.safetensors`` lies, such as the model folder.
        map_location: the device that the tensors are read to first, as ``torch.load`` takes it.

    Returns:
        The model.

    Raises:
        FileNotFoundError: there is no such file.
        RuntimeError: the file is of another architecture; the message lists the differences.

    """
    model.load_state_dict(load_state_dict(path, map_location=map_location))
    return model


def load_state_dict(path: str | os.PathLike[str], *, map_location: Any = "cpu") -> dict[str, Any]:
    """Load the tensors that a job has saved, by their names; no code of the file's is run.

    Args:
        path: as for :func:`load_model`.
        map_location: as for :func:`load_model`.

    Raises:
        FileNotFoundError: there is no such file.

    """
    file = os.fspath(path)
    if os.path.isdir(file):
        names = [name for name in (MODEL_FILE, SAFETENSORS_FILE) if os.path.exists(os.path.join(file, name))]
        file = os.path.join(file, names[0] if names else MODEL_FILE)
    if not os.path.exists(file):
        raise FileNotFoundError(f"there is no PyTorch model at {file}")
    state: dict[str, Any]
    if file.endswith(".safetensors"):
        from safetensors.torch import load_file

        state = load_file(file, device=str(map_location))
    else:
        import torch

        state = torch.load(file, map_location=map_location, weights_only=True)
    return state


def _gathered(model: Any) -> dict[str, Any]:
    """The whole state dict on the primary process; every process has to call this."""
    from torch.distributed.checkpoint.state_dict import StateDictOptions, get_model_state_dict

    options = StateDictOptions(full_state_dict=True, cpu_offload=True)
    state: dict[str, Any] = get_model_state_dict(model, options=options)
    return state


def _on_cpu(model: Any) -> dict[str, Any]:
    """The state dict with every tensor on the CPU; tensors that share memory go on doing so there."""
    import torch

    state: dict[str, Any] = model.state_dict()
    for name, value in state.items():
        if isinstance(value, torch.Tensor):
            state[name] = value.detach().cpu()
    return _with_plain_names(state, model)


def _with_plain_names(state: dict[str, Any], model: Any) -> dict[str, Any]:
    """The state dict by the names that it has where none of the model's parts is wrapped."""
    parts = model.named_modules(remove_duplicate=False)
    wrapped = [(name, inner) for name, part in parts if (inner := _inside(part)) is not None]
    if not wrapped:
        return state
    wrapped.sort(key=lambda each: len(each[0]), reverse=True)  # the inner one of two, first

    def plain(name: str) -> str:
        for outer, inner in wrapped:
            if name.startswith(f"{outer}.{inner}."):
                name = outer + name[len(outer) + 1 + len(inner) :]
        return name

    renamed = OrderedDict((plain(name), value) for name, value in state.items())
    versions = getattr(state, "_metadata", {})  # of each module, which load_state_dict reads
    renamed._metadata = OrderedDict(  # type: ignore[attr-defined]
        (plain(f"{name}.")[:-1], version) for name, version in versions.items()
    )
    return renamed


def _save_tensors(state: dict[str, Any], path: str) -> None:
    """Write safetensors, which knows tensors only, and none that share memory."""
    import torch
    from safetensors.torch import save_file

    seen: set[int] = set()
    tensors = {}
    for name, value in state.items():
        if isinstance(value, torch.Tensor):
            memory = value.untyped_storage().data_ptr()
            tensors[name] = value.clone().contiguous() if memory in seen else value.contiguous()
            seen.add(memory)
    save_file(tensors, path, metadata={"format": "pt"})


def _export_for_serving(model: Any, module: ModuleType, model_dir: str, *, sharded: bool) -> None:
    """Export where an example input is given. What cannot be exported is one line: the model itself is saved."""
    try:
        example = _example(model, module)
        if example is None:
            return
        if sharded:
            log.info("not exported for serving: the model is spread over processes; load model.pt and export it then")
            return
        path = write_whole(os.path.join(model_dir, PROGRAM_FILE), lambda partial: _export(model, example, partial))
        log.info("exported for serving: %s", path)
    except Exception as error:  # noqa: BLE001 - whatever stops the exporter, the model itself is saved
        log.info("not exported for serving: %s", in_a_line(error))


def _example(model: Any, module: ModuleType) -> tuple[Any, ...] | None:
    """The positional arguments of one call of the model, or None where the user gives none."""
    example = getattr(module, EXAMPLE_INPUT, None)
    if callable(example):
        example = example(model)
    if example is None:
        example = getattr(model, EXAMPLE_INPUT, None)
    if example is None:
        return None
    return tuple(example) if isinstance(example, (tuple, list)) else (example,)


def _export(model: Any, example: tuple[Any, ...], path: str) -> None:
    """Export a copy on the CPU, in evaluation mode, for any batch size."""
    import torch
    from torch.utils._pytree import tree_map

    def to_cpu(value: Any) -> Any:
        return value.detach().cpu() if isinstance(value, torch.Tensor) else value

    def shape(value: Any) -> Any:
        return {0: torch.export.Dim.AUTO} if isinstance(value, torch.Tensor) and value.dim() else None

    arguments = tree_map(to_cpu, example)
    served = copy.deepcopy(model).cpu().eval()
    program = torch.export.export(served, arguments, dynamic_shapes=tree_map(shape, arguments))
    torch.export.save(program, path)
