"""A kind of setting with one variable for each name: ``SMC_HP_EPOCHS``, ``SMC_HP_LR``. Standard library only."""

from __future__ import annotations

from collections.abc import Mapping

from smc_core.errors import ConfigurationError
from smc_core.setting import Setting

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Family(Setting):
    """All variables that begin with a prefix; the rest of each variable is a name.

    A name in capitals is read in lower case, because variables are mostly written so: ``SMC_HP_EPOCHS`` is ``epochs``.
    With any lower-case letter, it is the name as it is: ``SMC_HP_learningRate``.

    Args:
        prefix: what the variables begin with.
        what: what one of them sets, as :class:`Setting` has it.
        options: as :class:`Setting` has them.

    """

    __slots__ = ("prefix",)

    def __init__(self, prefix: str, what: str, **options: Any) -> None:
        super().__init__(f"{prefix}<NAME>", what, **options)
        self.prefix = prefix

    def variables(self, environ: Mapping[str, str]) -> dict[str, str]:
        """The variables that are set: name → variable, in the order of the variables.

        Args:
            environ: the variables.

        Raises:
            ConfigurationError: a variable has no name after the prefix, or two have the same.

        """
        found: dict[str, str] = {}
        for variable in sorted(name for name in environ if name.startswith(self.prefix)):
            name = self.name_in(variable)
            if not name:
                raise ConfigurationError(f"variable {variable} names nothing: expected {self.name}")
            if name in found:
                raise ConfigurationError(
                    f"variables {found[name]} and {variable} both set {name!r} "
                    "(a name in capitals is read in lower case): unset one of them"
                )
            found[name] = variable
        return found

    def name_in(self, variable: str) -> str:
        """The name that one of the variables sets."""
        rest = variable[len(self.prefix) :]
        return rest.lower() if rest == rest.upper() else rest
