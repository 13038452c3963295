"""Keras callbacks for a training job. Importing this module imports Keras."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from smc_keras.backend import import_keras

if TYPE_CHECKING:
    from smc_core.environment import Environment

import_keras()
import keras  # noqa: E402 - reads the backend while it is imported


class EpochLogger(keras.callbacks.Callback):  # type: ignore[misc]  # Keras has no types
    """Logs one line per epoch to stdout: ``epoch=3 loss=0.1234 val_loss=0.1391 seconds=0.42``.

    Epochs count from 1, as in Keras's own lines; ``seconds`` is the wall time of the epoch, including validation.
    SageMaker extracts a metric with a regular expression such as ``" loss=([0-9.e+-]+)"``; the blank in front
    distinguishes it from ``val_loss``. A metric of several numbers, such as one per class, has one entry per number:
    ``f1_score_0=0.9 f1_score_1=0.8``.
    """

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Start the clock."""
        self._began = time.monotonic()

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Log the line."""
        values = {**(logs or {}), "seconds": time.monotonic() - self._began}
        metrics = " ".join(f"{name}={number:.6g}" for each in values.items() for name, number in _numbers(*each))
        if self.params.get("verbose") in (1, "auto"):
            sys.stdout.write("\n")  # Keras's progress bar has not ended its line
        sys.stdout.write(f"epoch={epoch + 1} {metrics}\n")
        sys.stdout.flush()


def _numbers(name: str, value: Any) -> Iterator[tuple[str, float]]:
    array = keras.ops.convert_to_numpy(value)
    if array.ndim == 0:
        yield name, float(array)
    else:
        yield from ((f"{name}_{position}", float(number)) for position, number in enumerate(array.ravel()))


def backup_and_restore(environment: Environment, **options: Any) -> Any:
    """Keras's ``BackupAndRestore`` in the checkpoint folder: an interrupted job resumes at its last epoch.

    It deletes its files when training ends. The model must be built before ``fit``, for example by an ``Input`` layer.
    If the launcher ``jax`` joins several processes, each needs the callback, and each gets its own folder: the hosts
    share their checkpoints.

    Args:
        environment: the Environment of the job.
        **options: as the callback takes them (``save_freq``, ``double_checkpoint``, ``delete_checkpoint``).

    """
    several = getattr(environment, "process_count", 1) > 1
    folder = f"keras-{getattr(environment, 'process_id', 0)}" if several else "keras"
    return keras.callbacks.BackupAndRestore(os.path.join(environment.checkpoint_dir, folder), **options)
