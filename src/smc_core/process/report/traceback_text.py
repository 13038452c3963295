"""Reads the exception from a traceback that is text: in a message, in a cause, or on stderr.

An exception crosses from one process to another as text, whatever carries it: the workers of a data loader,
``multiprocessing``, ``concurrent.futures``, joblib, Ray, Spark, TensorFlow. They all print what Python prints, so one
reader is enough: frames, followed by the line that names the exception. If there are several, the last one counts: the
one that left the process, or the innermost process.
"""

# Annotations are objects here, not text: Python would compile the text for each field of a NamedTuple at every start.

import re
from typing import NamedTuple

from smc_core.process.report.frames import Place, own_place_of

_LONGEST = 64 * 1024
"""Characters that are read, from the end of a text."""
_COLOURS = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")
_FRAME = re.compile(r'( *)File "([^"\n]+)", line ([0-9]{1,9})(?:, in (.+))?$')
_EXCEPTION = re.compile(r"((?:[^\W\d]\w*)(?:\.(?:[^\W\d]\w*|<locals>))*)(?:: (.*))?$")
_ENDS_A_MESSAGE = ('"""', "Traceback (most recent call last)", "The above exception was", "During handling of", "\t [[")
_HEADER = "Traceback (most recent call last)"


class TextTraceback(NamedTuple):
    """A traceback that was found in a text.

    Attributes:
        type: the exception's class, as printed.
        message: its text.
        place: the user's last frame, or else the last one.
        before: the text in front of it, without the header line of a traceback.
        is_last: whether the text ends with the line that names the exception.

    """

    type: str
    message: str
    place: Place
    before: str
    is_last: bool


def read(text: str, code_dir: str) -> TextTraceback | None:
    """The last traceback in a text; None where there is none.

    Args:
        text: the message of an exception, or the output of a program.
        code_dir: the job's code directory, where the user's own frames are.

    """
    if 'File "' not in text:
        return None
    lines = _COLOURS.sub("", text[-_LONGEST:]).rstrip().split("\n")
    found = _last_block(lines)
    if found is None:
        return None
    first, last, frames = found
    named = _EXCEPTION.match(lines[last].strip())
    place = own_place_of(frames, code_dir)
    if named is None or place is None:
        return None
    message = [named[2] or ""]
    for line in lines[last + 1 :]:
        if line.lstrip(" ").startswith(_ENDS_A_MESSAGE):
            break
        message.append(line)
    before = [line for line in lines[:first] if _HEADER not in line]
    return TextTraceback(named[1], "\n".join(message).strip(), place, "\n".join(before).strip(), last == len(lines) - 1)


def _last_block(lines: list[str]) -> tuple[int, int, list[Place]] | None:
    """The first frame's line, the exception's line, and the frames of the last complete traceback.

    Frames are indented by two blanks more than the line that names the exception, also where a whole traceback is
    indented, as inside another message: ``margin`` is that indentation.
    """
    found = None
    frames: list[Place] = []
    first = margin = 0
    for number, line in enumerate(lines):
        if frame := _FRAME.match(line):
            if not frames:
                first, margin = number, max(len(frame[1]) - 2, 0)
            frames.append(Place(frame[2], int(frame[3]), frame[4]))
        elif frames and line.strip() and len(line) - len(line.lstrip(" ")) <= margin:
            found = (first, number, frames)
            frames = []
    return found
