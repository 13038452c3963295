"""The formats in which a model is written, each completely or not at all."""

from __future__ import annotations

import inspect
import io
import logging
import os
import sys
from types import ModuleType
from typing import Any

from smc_core.kit import error_in_a_line, export_note, is_installed, write_into, write_whole

MODEL_FILE = "model.pt"
"""The state dict, for ``torch.load(..., weights_only=True)``, below the model folder."""
SAFETENSORS_FILE = "model.safetensors"
"""The same tensors in the safetensors format, where that is installed."""
PROGRAM_FILE = "model.pt2"
"""The model as a ``torch.export`` program, which runs without its Python code, where an example input is given."""
SCRIPT_FILE = "model.ts"
"""A TorchScript module, for ``torch.jit.load``."""
EXAMPLE_INPUT = "example_input"
"""Name of the user's example input: a function of the module, a value in it, or an attribute of the model."""

log = logging.getLogger("smc.pytorch")


def write_state(state: dict[str, Any], model_dir: str) -> str:
    """Write ``model.pt`` and, if possible, ``model.safetensors``; returns the path of the former.

    Args:
        state: tensors and other values by name.
        model_dir: the folder.

    """
    path = _write_all(state, os.path.join(model_dir, MODEL_FILE))
    if is_installed("safetensors"):
        try:
            write_whole(os.path.join(model_dir, SAFETENSORS_FILE), lambda partial: _save_tensors(state, partial))
        except Exception as error:  # noqa: BLE001 - a full disk too, or what safetensors does not know; the model itself is saved
            log.info("not saved as %s: %s", SAFETENSORS_FILE, error_in_a_line(error))
    return path


def write_tensors(value: Any, path: str) -> None:
    """``torch.save``, but a full disk is reported as such and not as a position in the file.

    Raises:
        OSError: the file cannot be written.
        Exception: whatever a class raises if it cannot be pickled.

    """
    import torch

    with open(path, "wb") as file:
        try:
            torch.save(value, file)
        except RuntimeError as error:
            cause = error.__context__
            if isinstance(cause, OSError):
                cause.filename = path
                raise cause from None
            raise


def _write_all(state: dict[str, Any], path: str) -> str:
    """Write a state dict; parts of a module's own state that cannot be pickled are omitted and named in the log."""
    import torch

    try:
        return write_whole(path, lambda partial: write_tensors(state, partial))
    except (OSError, MemoryError):
        raise
    except Exception as error:
        others = [name for name in state if not _is_picklable(state[name])]
        if not others:
            raise
        tensors = [name for name in others if isinstance(state[name], torch.Tensor)]
        for name in tensors:  # a class of the job's own, such as one defined in a function
            state[name] = state[name].as_subclass(torch.Tensor)
        if tensors:
            log.warning("saved as plain tensors, as their class cannot be pickled: %s", ", ".join(tensors))
        lost = [name for name in others if name not in tensors]
        for name in lost:
            del state[name]
        if lost:
            log.warning("not saved, as it cannot be pickled: %s: %s", ", ".join(lost), error_in_a_line(error))
        return write_whole(path, lambda partial: write_tensors(state, partial))


def _is_picklable(value: Any) -> bool:
    import torch

    try:
        torch.save(value, io.BytesIO())
    except Exception:  # noqa: BLE001 - pickling runs the code of any class
        return False
    return True


def write_pretrained(model: Any, model_dir: str, state: dict[str, Any] | None) -> bool:
    """Write what ``from_pretrained`` of the model's class loads, if the model has ``save_pretrained``.

    Args:
        model: the module.
        model_dir: the folder.
        state: the whole state dict of a sharded model; None if the model is whole.

    Returns:
        Whether it was written; otherwise the log has a line.

    """
    save = getattr(model, "save_pretrained", None)
    if not callable(save):
        return False
    options = {} if state is None else {"state_dict": state}
    try:
        if state is not None:
            inspect.signature(save).bind(model_dir, **options)
        write_into(model_dir, lambda folder: save(folder, **options))
    except Exception as error:  # noqa: BLE001 - whatever the class raises, its weights can be saved
        log.warning(
            "%s.save_pretrained() failed: %s; its weights alone are saved", type(model).__name__, error_in_a_line(error)
        )
        return False
    return True


def write_script(model: Any, model_dir: str) -> None:
    """Write a TorchScript module as it is; for any other, do nothing."""
    import torch

    if isinstance(model, torch.jit.ScriptModule):
        path = write_whole(os.path.join(model_dir, SCRIPT_FILE), lambda partial: torch.jit.save(model, partial))
        log.info("saved as TorchScript: %s", os.path.basename(path))  # model_dir is a temporary folder now


def write_program(model: Any, module: ModuleType, model_dir: str, *, sharded: bool) -> None:
    """Export the model if an example input is given. A failure is only logged: the model itself is saved."""
    try:
        example = _example(model, module)
        if example is None:
            return
        if sharded:
            log.info("not exported for serving: the model is spread over processes; load model.pt and export it then")
            return
        path = write_whole(os.path.join(model_dir, PROGRAM_FILE), lambda partial: _export(model, example, partial))
        log.info("exported for serving: %s", os.path.basename(path))
    except Exception as error:  # noqa: BLE001 - whatever stops the exporter, the model itself is saved
        log.info(export_note(error))


def is_program(model: Any) -> bool:
    """Whether it is a ``torch.export`` program; a process that never exported has none, so nothing is imported."""
    return isinstance(model, getattr(sys.modules.get("torch.export"), "ExportedProgram", ()))


def save_program(program: Any, model_dir: str, *, writes: bool) -> str:
    """Write a ``torch.export`` program that ``train`` returned, as it is, and return the path."""
    import torch

    path = os.path.join(model_dir, PROGRAM_FILE)
    return write_whole(path, lambda partial: torch.export.save(program, partial)) if writes else path


def _save_tensors(state: dict[str, Any], path: str) -> None:
    """Write safetensors, a format for tensors only, none of which may share memory.

    Raises:
        TypeError: there is anything else: without it the file could not be loaded into the model.

    """
    import torch
    from safetensors.torch import save_file

    seen: set[int] = set()
    tensors = {}
    for name, value in state.items():
        if not isinstance(value, torch.Tensor):
            raise TypeError(f"{name} is no tensor, but of {type(value).__name__}")
        memory = value.untyped_storage().data_ptr()
        tensors[name] = value.clone().contiguous() if memory in seen else value.contiguous()
        seen.add(memory)
    save_file(tensors, path, metadata={"format": "pt"})


def _example(model: Any, module: ModuleType) -> tuple[Any, ...] | None:
    """The positional arguments of one call of the model, or None if the user gives none."""
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

    import copy

    arguments = tree_map(to_cpu, example)
    served = copy.deepcopy(model).cpu().eval()
    program = torch.export.export(served, arguments, dynamic_shapes=tree_map(shape, arguments))
    torch.export.save(program, path)
