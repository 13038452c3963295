"""Where a value came from, as data; it becomes words only where it is shown."""

# Annotations are objects here, not text: Python would compile the text for each field of a NamedTuple at every start.

from typing import Literal, NamedTuple

Kind = Literal[
    "variable",
    "hyperparameter",
    "channel",
    "file",
    "no file",
    "base directory",
    "machine",
    "session",
    "command line",
    "environment",
    "plugin",
    "launcher",
    "rule",
    "default",
]
_WORDS: dict[str, str] = {
    "variable": "variable {}",
    "hyperparameter": "hyperparameters.json: {}",
    "channel": "inputdataconfig.json: {}",
    "no file": "default: no {}",
    "machine": "this machine",
    "command line": "the command line",
    "environment": "the Environment",
    "plugin": "plugin {}",
    "launcher": "launcher {}",
    "file": "{}",
    "rule": "{}",
}
"""Kind → how it is shown with its name; any other kind is shown as it is."""


class Source(NamedTuple):
    """Where a value came from; as text, what ``smc plan`` and ``smc why`` show: ``variable SAGEMAKER_PROGRAM``.

    Attributes:
        kind: ``variable``, ``hyperparameter``, ``channel``; ``file``, or ``no file`` for the default without it;
            ``base directory``; ``machine``; ``session``; ``command line``; ``environment``, for what follows from its
            other fields; ``plugin``; ``launcher``; ``rule``, for what smc or a plugin decides in another way;
            ``default``.
        name: of the variable, hyperparameter, channel, file, plugin or launcher; of a rule the words; else empty.
    """

    kind: Kind
    name: str = ""

    def __str__(self) -> str:
        return _WORDS.get(self.kind, self.kind).format(self.name)


DEFAULT = Source("default")
