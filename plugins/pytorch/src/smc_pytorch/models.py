"""Write a model, completely or not at all, and load it again.

If the parameters of a model are sharded over the processes (FSDP, FSDP2, DTensor), the primary process collects the
parts and writes a single file, which can be loaded into the plain module anywhere.
"""

from __future__ import annotations

import json
import logging
import os
from types import ModuleType
from typing import Any

from smc_pytorch.formats import (
    MODEL_FILE,
    SAFETENSORS_FILE,
    write_pretrained,
    write_program,
    write_script,
    write_state,
)
from smc_pytorch.states import gathered, portable, state_of
from smc_pytorch.wrappers import is_sharded, unwrap

INDEX_FILE = f"{SAFETENSORS_FILE}.index.json"
"""Which file has which tensor, where ``save_pretrained`` has written several."""

log = logging.getLogger("smc.pytorch")


def save(model: Any, module: ModuleType, model_dir: str, *, writes: bool) -> str:
    """Write the model in every format whose requirements are met.

    Args:
        model: a ``torch.nn.Module``, as DDP, ``torch.compile`` or FSDP may have wrapped it.
        module: the user's module, for its ``example_input``.
        model_dir: the folder.
        writes: whether this process is the one that writes. The others only contribute their parts of a sharded model.

    Returns:
        Path of the state dict; the folder, if the model's ``save_pretrained`` has written it.

    Raises:
        UserCodeError: the model has no data.

    """
    path = os.path.join(model_dir, MODEL_FILE)
    plain, sharded = unwrap(model), is_sharded(model)
    state = gathered(model) if sharded else None
    if not writes:
        return path
    if write_pretrained(plain, model_dir, state):
        path = model_dir
    else:
        write_state(portable(state_of(plain) if state is None else state), model_dir)
    write_script(plain, model_dir)
    write_program(plain, module, model_dir, sharded=sharded)
    return path


def save_state(state: Any, model_dir: str, *, writes: bool) -> str:
    """Write a state dict, or a checkpoint that contains some, as it is.

    Args:
        state: a mapping (:func:`smc_pytorch.states.is_state_dict`).
        model_dir: the folder.
        writes: whether this process is the one that writes; the others only contribute their parts of tensors.

    Returns:
        Path of the file.

    """
    whole = gathered(state) if is_sharded(state) else dict(state)
    if not writes:
        return os.path.join(model_dir, MODEL_FILE)
    if hasattr(state, "_metadata"):  # of each module, which load_state_dict reads
        whole = type(state)(whole)
        whole._metadata = state._metadata
    log.info("train() returned a mapping of %d names and no module: it is saved as a state dict", len(whole))
    return write_state(portable(whole), model_dir)


def load_model(model: Any, path: str | os.PathLike[str], *, map_location: Any = "cpu") -> Any:
    """Load the weights that a job has saved into a module of the same architecture, in any process.

    Args:
        model: the ``torch.nn.Module`` to fill; it stays on its device.
        path: a file, or a folder that contains ``model.pt`` or ``model.safetensors``, such as the model folder.
        map_location: the device onto which the tensors are read first, as for ``torch.load``.

    Returns:
        The model.

    Raises:
        FileNotFoundError: there is no such file.
        RuntimeError: the file is of another architecture; the message lists the differences.

    """
    state = load_state_dict(path, map_location=map_location)
    state.update(_tied(model, state))
    model.load_state_dict(state)
    return model


def load_state_dict(path: str | os.PathLike[str], *, map_location: Any = "cpu") -> dict[str, Any]:
    """Load the tensors that a job has saved, by name; no code in the file is run.

    Args:
        path: as for :func:`load_model`.
        map_location: as for :func:`load_model`.

    Raises:
        FileNotFoundError: there is no such file.

    """
    file = os.fspath(path)
    if os.path.isdir(file):
        known = (MODEL_FILE, SAFETENSORS_FILE, INDEX_FILE)
        names = [name for name in known if os.path.exists(os.path.join(file, name))]
        file = os.path.join(file, names[0] if names else MODEL_FILE)
    if not os.path.exists(file):
        raise FileNotFoundError(f"there is no PyTorch model at {file}")
    if file.endswith(".json"):
        return _indexed(file, map_location)
    state: dict[str, Any]
    if file.endswith(".safetensors"):
        from safetensors.torch import load_file

        state = load_file(file, device=str(map_location))
    else:
        import torch

        state = torch.load(file, map_location=map_location, weights_only=True)
    return state


def _indexed(file: str, map_location: Any) -> dict[str, Any]:
    """The tensors of all files that an index names; they are in the same folder."""
    with open(file, encoding="utf-8") as index:
        names = sorted({os.path.basename(name) for name in json.load(index)["weight_map"].values()})
    state: dict[str, Any] = {}
    for name in names:
        state.update(load_state_dict(os.path.join(os.path.dirname(file), name), map_location=map_location))
    return state


def _tied(model: Any, state: dict[str, Any]) -> dict[str, Any]:
    """Tensors that a file omits because they are in it under another name: ``save_pretrained`` writes each once."""
    own = model.state_dict()
    missing = [name for name in own if name not in state]
    if not missing:
        return {}
    given = {id(each): name for name, each in model.named_parameters(remove_duplicate=False) if name in state}
    ours = dict(model.named_parameters(remove_duplicate=False))
    return {name: state[given[id(ours[name])]] for name in missing if name in ours and id(ours[name]) in given}
