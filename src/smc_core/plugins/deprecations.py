"""Hooks and arguments that were renamed: plugins that use the old name still work, and a message names the new one.

To rename a hook or an argument, change it in ``hookspecs.py`` and add a line to :data:`RENAMED`. Everything else reads
the table: old names are accepted, a job names them once, and so do ``smc plugins -v``, ``smc doctor`` and the
conformance tests. A new argument needs no line: a plugin takes only those that it asks for.
"""

from typing import Any, NamedTuple


class Renamed(NamedTuple):
    """A hook, or an argument of one, and its current name.

    Attributes:
        hook: the old name of the hook; for an argument, the current name of its hook.
        argument: the old name of the argument; empty if the hook itself was renamed.
        new: the current name.
        since: the first version of smc-core with the new name.
        removal: the first version without the old one.
    """

    hook: str
    argument: str
    new: str
    since: str
    removal: str

    def __str__(self) -> str:
        what = f"argument {self.argument} of hook {self.hook}" if self.argument else f"hook {self.hook}"
        return f"{what} is deprecated: write {self.new} (smc-core {self.since}); {self.removal} removes the old name"


RENAMED: tuple[Renamed, ...] = ()
"""All of them. What is due for removal fails a test."""


def hook(name: str) -> Renamed | None:
    """The entry of the hook that had this name; None if none had."""
    return next((each for each in RENAMED if each.hook == name and not each.argument), None)


def current(name: str) -> str:
    """The current name of a hook."""
    found = hook(name)
    return name if found is None else found.new


def arguments(hook: str) -> list[Renamed]:
    """The renamed arguments of a hook, by its current name."""
    return [each for each in RENAMED if each.hook == hook and each.argument]


def with_old_names(hook: str, given: dict[str, Any]) -> dict[str, Any]:
    """The arguments of a call, with each renamed one under its old name too."""
    return {**given, **{each.argument: given[each.new] for each in arguments(hook)}}
