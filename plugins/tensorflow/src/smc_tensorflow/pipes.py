"""Channels in Pipe mode: the platform streams each epoch into its own FIFO (``CHANNEL_0``, ``CHANNEL_1``, …).

An epoch is read to its end, or stopped early by closing its FIFO; only then does the platform create the next one.
"""

from __future__ import annotations

import logging
import os
import stat
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, Literal

from smc_core.contract import job_paths
from smc_core.environment import read_input_data_config
from smc_core.errors import ConfigurationError
from smc_tensorflow.records import FORMATS, BadRecordError

Format = Literal["RecordIO", "TFRecord", "TextLine"]
PIPE = "Pipe"
"""The ``TrainingInputMode`` of a channel that is streamed."""
_POLL_SECONDS = 0.05
_LOG_SECONDS = 30.0

log = logging.getLogger("smc.tensorflow")


class Pipe:
    """A channel in Pipe mode: each :meth:`read` is the next epoch.

    Args:
        folder: where the FIFOs appear.
        channel: name of the channel.
        record_format: how records are framed.

    """

    def __init__(self, folder: str, channel: str, record_format: Format) -> None:
        self._stem = os.path.join(folder, channel)
        self._split = FORMATS[record_format]

    def read(self) -> Iterator[bytes]:
        """The records of the next epoch. Closing the iterator closes the FIFO, which ends the epoch.

        Raises:
            BadRecordError: the bytes do not have that framing; the message names the FIFO and the byte.

        """
        path = _next_path(self._stem)
        _wait_for(path)
        with open(path, "rb") as stream:
            try:
                yield from self._split(stream)
            except BadRecordError as error:
                raise BadRecordError(f"{path}: {error}") from None


_epochs: Counter[str] = Counter()
_lock = threading.Lock()


def _next_path(stem: str) -> str:
    """The FIFO of the next epoch: the platform counts per job, so all readers of a channel share one counter."""
    with _lock:
        epoch = _epochs[stem]
        _epochs[stem] += 1
    return f"{stem}_{epoch}"


def _wait_for(path: str) -> None:
    """Wait until the platform has created a FIFO, which may be long after the last epoch."""
    next_line = time.monotonic() + _LOG_SECONDS
    while True:
        try:
            if not stat.S_ISDIR(os.stat(path).st_mode):
                return
        except FileNotFoundError:
            pass
        if time.monotonic() >= next_line:
            log.warning("waiting for the platform to make %s", path)
            next_line += _LOG_SECONDS
        time.sleep(_POLL_SECONDS)


def find_pipe(channel: str | None, record_format: str, base_dir: str | None = None) -> Pipe:
    """The pipe of a channel.

    Args:
        channel: its name; None takes the only channel of the job that is in Pipe mode.
        record_format: one of ``RecordIO``, ``TFRecord``, ``TextLine``.
        base_dir: base directory of the job; None takes ``SAGEMAKER_BASE_DIR``, else ``/opt/ml``.

    Raises:
        ConfigurationError: there is no such format, or no such channel in Pipe mode.

    """
    known: dict[str, Format] = {"RecordIO": "RecordIO", "TFRecord": "TFRecord", "TextLine": "TextLine"}
    if record_format not in known:
        raise ConfigurationError(f"record_format is {record_format!r}, not one of {', '.join(known)}")
    paths = job_paths(base_dir)
    channels = read_input_data_config(paths.base)
    piped = sorted(name for name, each in channels.items() if each.get("TrainingInputMode") == PIPE)
    if channel is None and len(piped) == 1:
        channel = piped[0]
    if channel not in piped:
        asked = "PipeModeDataset needs the name of a channel" if channel is None else f"channel {channel!r} is not one"
        raise ConfigurationError(f"{asked} in Pipe mode; in Pipe mode: {', '.join(piped) or 'none'}")
    return Pipe(paths.input_data, channel, known[record_format])


def PipeModeDataset(  # noqa: N802 - the name in the classic toolkit
    channel: str | None = None, record_format: str = "RecordIO", *, base_dir: str | None = None
) -> Any:
    """A ``tf.data.Dataset`` of the records of a channel in Pipe mode, each a scalar ``tf.string``.

    Each iteration over it is the next epoch: ``dataset.repeat(3)`` is three epochs. ``dataset.take(n)``, or leaving a
    loop, ends an epoch early. Only one process at a time may read a channel.

    Args:
        channel: its name; None takes the only channel of the job that is in Pipe mode.
        record_format: ``RecordIO`` (what SageMaker wraps objects in, and its protobuf records), ``TFRecord`` or
            ``TextLine``.
        base_dir: base directory of the job; None takes ``SAGEMAKER_BASE_DIR``, else ``/opt/ml``.

    Raises:
        ConfigurationError: there is no such format, or no such channel in Pipe mode.

    """
    read: Callable[[], Iterator[bytes]] = find_pipe(channel, record_format, base_dir).read
    import tensorflow as tf

    return tf.data.Dataset.from_generator(read, output_signature=tf.TensorSpec((), tf.string))
