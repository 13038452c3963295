"""Channels in Pipe mode: real FIFOs, written by a thread as the platform writes them."""

from __future__ import annotations

import os
import struct
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from smc_core.errors import ConfigurationError
from smc_core.testing import JobFolder
from smc_tensorflow.pipes import find_pipe
from smc_tensorflow.records import MAGIC, BadRecordError, masked_crc32c

SECONDS = 60.0


def write_record_io(records: Iterable[bytes]) -> bytes:
    return b"".join(struct.pack("<II", MAGIC, len(each)) + each + bytes(-len(each) % 4) for each in records)


def write_tf_records(records: Iterable[bytes]) -> bytes:
    def frame(part: bytes) -> bytes:
        return part + struct.pack("<I", masked_crc32c(part))

    return b"".join(frame(struct.pack("<Q", len(each))) + frame(each) for each in records)


def channel(job: JobFolder, *names: str, mode: str = "Pipe") -> str:
    """Write the configuration of channels; the platform makes no folder for one in Pipe mode."""
    job.config("inputdataconfig.json", {name: {"TrainingInputMode": mode} for name in names})
    return str(job.base)


@contextmanager
def platform(job: JobFolder, name: str, *epochs: bytes) -> Iterator[list[int]]:
    """Make one FIFO an epoch, each when the one before was read; gives the bytes that were taken of each."""
    taken: list[int] = []

    def write() -> None:
        for number, content in enumerate(epochs):
            path = job.base / "input/data" / f"{name}_{number}"
            os.mkfifo(path)
            taken.append(0)
            descriptor = os.open(path, os.O_WRONLY)  # waits for the reader
            try:
                while taken[-1] < len(content):
                    taken[-1] += os.write(descriptor, content[taken[-1] : taken[-1] + 4096])
            except BrokenPipeError:
                pass  # the reader has ended the epoch
            finally:
                os.close(descriptor)

    thread = threading.Thread(target=write, daemon=True)
    thread.start()
    yield taken
    thread.join(SECONDS)
    assert not thread.is_alive(), "an epoch was not read"


def test_each_reading_is_the_next_epoch(job: JobFolder) -> None:
    pipe = find_pipe("training", "RecordIO", channel(job, "training"))
    with platform(job, "training", write_record_io([b"a", b"b"]), write_record_io([b"c"])):
        assert list(pipe.read()) == [b"a", b"b"]
        assert list(pipe.read()) == [b"c"]


def test_two_readers_of_a_channel_count_together(job: JobFolder) -> None:
    base = channel(job, "training", "validation")
    with platform(job, "training", b"a\n", b"b\n"), platform(job, "validation", b"c\n"):
        assert [list(find_pipe("training", "TextLine", base).read()) for _ in range(2)] == [[b"a"], [b"b"]]
        assert list(find_pipe("validation", "TextLine", base).read()) == [b"c"]


def test_an_epoch_that_is_left_is_ended(job: JobFolder) -> None:
    long = b"line\n" * 200_000
    pipe = find_pipe("training", "TextLine", channel(job, "training"))
    with platform(job, "training", long, b"next\n") as taken:
        reading = pipe.read()
        assert next(reading) == b"line"
        reading.close()  # type: ignore[attr-defined]  # it is a generator
        assert list(pipe.read()) == [b"next"]
    assert taken[0] < len(long)


def test_bytes_of_another_framing_name_the_fifo(job: JobFolder) -> None:
    pipe = find_pipe("training", "RecordIO", channel(job, "training"))
    with (
        platform(job, "training", b"some text, which is none"),
        pytest.raises(BadRecordError, match=r"/input/data/training_0: not RecordIO: frame 1, at byte 0, begins with"),
    ):
        list(pipe.read())


def test_the_only_channel_in_pipe_mode_needs_no_name(job: JobFolder) -> None:
    channel(job, "training")
    with platform(job, "training", b"a\n"):
        assert list(find_pipe(None, "TextLine", str(job.base)).read()) == [b"a"]


@pytest.mark.parametrize(
    ("names", "mode", "asked", "message"),
    [
        (["a", "b"], "Pipe", None, "needs the name of a channel in Pipe mode; in Pipe mode: a, b"),
        ([], "Pipe", None, "needs the name of a channel in Pipe mode; in Pipe mode: none"),
        (["a"], "File", "a", "channel 'a' is not one in Pipe mode; in Pipe mode: none"),
        (["a"], "Pipe", "b", "channel 'b' is not one in Pipe mode; in Pipe mode: a"),
    ],
)
def test_no_channel_to_read(job: JobFolder, names: list[str], mode: str, asked: str | None, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        find_pipe(asked, "RecordIO", channel(job, *names, mode=mode))


def test_no_such_format(job: JobFolder) -> None:
    with pytest.raises(ConfigurationError, match="record_format is 'CSV', not one of RecordIO, TFRecord, TextLine"):
        find_pipe("training", "CSV", channel(job, "training"))


@pytest.mark.parametrize(("record_format", "write"), [("RecordIO", write_record_io), ("TFRecord", write_tf_records)])
def test_a_dataset_of_several_epochs(job: JobFolder, tf: Any, record_format: str, write: Any) -> None:
    from smc_tensorflow import PipeModeDataset

    dataset = PipeModeDataset("training", record_format, base_dir=channel(job, "training"))
    with platform(job, "training", write([b"a", b"\x00\xff"]), write([b"c"])):
        assert list(dataset.repeat(2).as_numpy_iterator()) == [b"a", b"\x00\xff", b"c"]


def test_a_dataset_that_takes_a_few_ends_the_epoch(job: JobFolder, tf: Any) -> None:
    from smc_tensorflow import PipeModeDataset

    dataset = PipeModeDataset(record_format="TextLine", base_dir=channel(job, "training"))
    with platform(job, "training", b"line\n" * 200_000, b"next\n"):
        assert list(dataset.take(2).as_numpy_iterator()) == [b"line", b"line"]
        assert list(dataset.as_numpy_iterator()) == [b"next"]


def test_a_dataset_tells_what_is_wrong_with_the_bytes(job: JobFolder, tf: Any) -> None:
    from smc_tensorflow import PipeModeDataset

    dataset = PipeModeDataset(base_dir=channel(job, "training"))
    with (
        platform(job, "training", b"some text, which is none"),
        pytest.raises(tf.errors.InvalidArgumentError, match="training_0: not RecordIO: frame 1, at byte 0"),
    ):
        list(dataset.as_numpy_iterator())


def test_tensorflow_reads_the_same_records(job: JobFolder, tf: Any) -> None:
    path = str(job.base / "records")
    with tf.io.TFRecordWriter(path) as writer:
        for record in (b"a", b"bc" * 1000, b""):
            writer.write(record)
    with open(path, "rb") as file:
        assert file.read() == write_tf_records([b"a", b"bc" * 1000, b""])
