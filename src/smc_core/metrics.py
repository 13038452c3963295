"""Metrics that a script records while it trains: ``smc.log_metrics({"loss": 0.3}, step=12)``.

Each call appends one line of JSON to ``output/data/smc/metrics-HOST.jsonl`` and prints one line of text. There are no
locks: a line is one ``write`` to a file opened with ``O_APPEND``, so ranks may share the file. Standard library only.
"""

from __future__ import annotations

import math
import operator
import os
import stat
import sys
import time

from smc_core.contract import LOCAL_RANK_ENV, RANK_VARIABLES
from smc_core.process import log

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, SupportsFloat, SupportsIndex

FOLDER = "smc"
"""Below ``output/data``: what smc itself records there."""
LONGEST_NAME = 250
"""Characters of a metric's name, as MLflow allows them."""
_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY
_NOT_FINITE = {"nan": '"NaN"', "inf": '"Infinity"', "-inf": '"-Infinity"'}
"""JSON has no such numbers: a reader gives these words to ``float``."""


def log_metrics(
    metrics: Mapping[str, SupportsFloat], step: SupportsIndex | None = None, *, all_ranks: bool = False
) -> None:
    """Record metrics, and print them as one line: ``smc.metrics: step=12 loss=0.3 accuracy=0.91``.

    SageMaker's metric definitions find a value in that line by a regular expression such as ``" loss=([0-9.e+-]+)"``.
    In a job, one line of JSON goes to ``output/data/smc/metrics-HOST.jsonl``, with ``time`` (seconds since 1970),
    ``step``, ``rank`` and ``metrics``; NaN and the infinities are written as the strings ``NaN``, ``Infinity`` and
    ``-Infinity``. A file that cannot be written never fails the training: smc warns once.

    Args:
        metrics: the value of each metric by name; a value is a number, or anything of a single element that ``float``
            accepts, such as a NumPy scalar or a PyTorch tensor. A name has 1 to 250 printable characters.
        step: the step or epoch that they belong to; None for none.
        all_ranks: whether every rank records them; by default only rank 0 does, and the call does nothing on others.

    Raises:
        TypeError: a name is no text, a value is no number, or the step is no integer.
        ValueError: a name is empty, too long or not printable, or a value has several elements.

    """
    pairs, words = [], []
    for name, value in metrics.items():
        quoted, word = _forms(name)
        number = value if type(value) is float else _number(name, value)
        pairs.append(quoted + _json(number))
        words.append(f"{word}={number:.6g}")
    at = None if step is None else operator.index(step)
    rank = _recorder.rank
    if rank and not all_ranks:
        return
    _recorder.record(f'"step":{"null" if at is None else at},"rank":{rank},"metrics":{{{",".join(pairs)}}}')
    _say(f"smc.metrics: {'' if at is None else f'step={at} '}{' '.join(words)}\n")


def log_metric(name: str, value: SupportsFloat, step: SupportsIndex | None = None, *, all_ranks: bool = False) -> None:
    """Record one metric, as :func:`log_metrics` does.

    Args:
        name: its name.
        value: its value.
        step: the step or epoch that it belongs to; None for none.
        all_ranks: whether every rank records it.

    Raises:
        TypeError: the name is no text, the value is no number, or the step is no integer.
        ValueError: the name is empty, too long or not printable, or the value has several elements.

    """
    log_metrics({name: value}, step, all_ranks=all_ranks)


def progress(step: SupportsIndex, total: SupportsIndex) -> None:
    """Record how far the training is, and print it: ``smc.progress: step=12 total=100``.

    Only rank 0 does; on others the call does nothing.

    Args:
        step: the steps that are done, from 0.
        total: all steps of the job, at least 1.

    Raises:
        TypeError: one is no integer.
        ValueError: ``step`` is negative, or ``total`` is less than 1.

    """
    done, whole = operator.index(step), operator.index(total)
    if done < 0 or whole < 1:
        raise ValueError(f"progress({done}, {whole}): step counts from 0, and total is at least 1")
    if _recorder.rank == 0:
        _recorder.record(f'"step":{done},"rank":0,"total":{whole}')
        _say(f"smc.progress: step={done} total={whole}\n")


class _Recorder:
    """The open file of this process, and its rank; a child that was forked finds its own rank."""

    def __init__(self) -> None:
        self._file: int | None = None
        self._path = ""
        self._line_is_cut = False
        self._has_warned = False
        self._rank: int | None = None
        os.register_at_fork(after_in_child=self._forget_rank)

    @property
    def rank(self) -> int:
        if self._rank is None:
            self._rank = _rank(os.environ)
        return self._rank

    def _forget_rank(self) -> None:
        self._rank = None

    def record(self, content: str) -> None:
        line = f'{{"time":{time.time():.6f},{content}}}\n'.encode()
        if self._line_is_cut:
            line = b"\n" + line
        try:
            file = self._opened()
            written = len(line) if file is None else os.write(file, line)
        except OSError as error:
            self._warn(error.strerror or str(error))
            return
        self._line_is_cut = written < len(line)
        if self._line_is_cut:
            self._warn(f"only {written:,} of {len(line):,} bytes were written")

    def _warn(self, why: str) -> None:
        if not self._has_warned:
            self._has_warned = True
            log.line(f"warning: metrics are printed, but not all can be written to {self._path}: {why}")

    def _opened(self) -> int | None:
        """The file; None outside a job. A relative path would follow the script's working directory."""
        if self._file is None:
            folder = os.environ.get("SM_OUTPUT_DATA_DIR")
            if not folder:
                return None
            host = os.environ.get("SM_CURRENT_HOST") or os.uname().nodename
            name = host.replace("/", "_").replace("\0", "_")[:200]
            self._path = os.path.join(os.path.abspath(folder), FOLDER, f"metrics-{name}.jsonl")
            os.makedirs(os.path.dirname(self._path), exist_ok=True)
            file = os.open(self._path, _FLAGS, 0o644)
            if not stat.S_ISREG(os.fstat(file).st_mode):
                os.close(file)
                raise OSError("it is not a regular file")
            self._file = file
        return self._file


_recorder = _Recorder()
_names: dict[str, tuple[str, str]] = {}
_MOST_NAMES = 10_000
"""Names whose forms are kept."""


def _rank(environ: Mapping[str, str]) -> int:
    """The rank that a launcher gave this process, the most specific first; 0 without a launcher."""
    for variable in (*RANK_VARIABLES, LOCAL_RANK_ENV):
        text = environ.get(variable, "")
        if text.isascii() and text.isdecimal() and len(text) < 10:
            return int(text)
    return 0


def _forms(name: Any) -> tuple[str, str]:
    """A metric's name as a key of JSON, and as a word of the text line."""
    forms = _names.get(name) if isinstance(name, str) else None
    if forms is None:
        if not isinstance(name, str):
            raise TypeError(f"the name of a metric is a text, not {type(name).__name__}: {name!r:.80}")
        if not name or len(name) > LONGEST_NAME or not name.isprintable():
            raise ValueError(f"the name of a metric has 1 to {LONGEST_NAME} printable characters, not {name!r:.80}")
        import json

        if len(_names) >= _MOST_NAMES:
            _names.clear()
        forms = _names[name] = f"{json.dumps(name)}:", name.replace(" ", "_").replace("=", "_")
    return forms


def _number(name: str, value: Any) -> float:
    if isinstance(value, (str, bytes, bytearray)):
        raise TypeError(f"metric {name!r} is the text {value!r:.80}, not a number")
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf
    except TypeError as error:
        if hasattr(value, "__float__"):  # NumPy refuses an array of several elements so
            raise ValueError(f"metric {name!r} has no single value: {error}") from None
        raise TypeError(f"metric {name!r} is of type {type(value).__name__}, not a number") from None
    except (ValueError, RuntimeError) as error:
        raise ValueError(f"metric {name!r} has no single value: {error}") from None


def _json(number: float) -> str:
    text = repr(number)
    return text if text[-1].isdecimal() else _NOT_FINITE[text]


def _say(line: str) -> None:
    """Print a line; a closed stdout, or one whose reader is gone, is the script's own affair."""
    try:
        sys.stdout.write(line)
        sys.stdout.flush()
    except (OSError, ValueError, AttributeError):
        pass
