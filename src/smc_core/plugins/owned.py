"""The variables in the plugins' answers to ``job_variables``: which plugin each comes from, and how they are merged."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from smc_core.errors import PluginConflictError, PluginError
from smc_core.plugins import faults
from smc_core.provenance import Source
from smc_core.settings import DISABLE_PLUGINS
from smc_core.variables import Variable

if TYPE_CHECKING:
    from smc_core.plugins.discovery import Installed

HOOK = "job_variables"


class OwnedVariables(Mapping[str, str]):
    """The answer of one plugin, as a read-only copy, so that its owner stays known.

    Attributes:
        plugin: the plugin that returned it.
    """

    def __init__(self, answer: Mapping[str, str], plugin: Installed) -> None:
        self._texts = dict(answer)
        self.plugin = plugin

    def __getitem__(self, name: str) -> str:
        return self._texts[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._texts)

    def __len__(self) -> int:
        return len(self._texts)

    def __repr__(self) -> str:
        return repr(self._texts)


def signed(answer: object, plugin: Installed) -> object:
    """An answer, or a list of answers; each that has no owner yet gets this plugin. Anything else is unchanged."""
    if isinstance(answer, list):
        return [signed(each, plugin) for each in answer]
    if isinstance(answer, Mapping) and not isinstance(answer, OwnedVariables):
        return OwnedVariables(answer, plugin)
    return answer


def merged(answers: Iterable[OwnedVariables], environ: Mapping[str, str], given: Mapping[str, str]) -> list[Variable]:
    """The variables of all answers that the job does not have yet, in the order of their names.

    The container's own variables take precedence; an empty one counts as not set, as for smc's own settings.

    Args:
        answers: the answers of the plugins.
        environ: the variables of the job without them.
        given: those of these that come from the container.

    Raises:
        PluginConflictError: two plugins want different values for one variable.
        PluginError: a plugin answers a variable that smc itself sets.

    """
    owners: dict[str, OwnedVariables] = {}
    for answer in answers:
        for name in answer:
            if name in environ and environ[name] != given.get(name):
                raise PluginError(faults.sentence(answer.plugin, HOOK, f"returned {name}, which smc itself sets"))
            if given.get(name):
                continue
            other = owners.setdefault(name, answer)
            if other[name] != answer[name]:
                raise _conflict(name, other.plugin, answer.plugin)
    sources = {name: Source("plugin", answer.plugin.name) for name, answer in owners.items()}
    return [Variable(name, owners[name][name], source) for name, source in sorted(sources.items())]


def _conflict(name: str, first: Installed, second: Installed) -> PluginConflictError:
    return PluginConflictError(
        f"plugins {first.label} and {second.label} want different values for variable {name}; "
        f"set it yourself, or leave one out: {DISABLE_PLUGINS}={second.name}"
    )
