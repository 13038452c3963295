"""The classes of settings: a variable, an alternative hyperparameter, a default, a form and a meaning.

Plain classes and the standard library only: the supervisor reads settings, too, and ``dataclasses`` would cost it 2 MB.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from smc_core.errors import ConfigurationError
from smc_core.printable import shortened

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, ClassVar

    from smc_core.provenance import Source

TRUE = frozenset({"1", "true", "yes", "on"})
FALSE = frozenset({"0", "false", "no", "off"})
"""The values of a variable or a hyperparameter that mean yes and no, in any letter case."""

_LONGEST, _LARGEST = 1e9, 2**63 - 1


class Setting:
    """A variable that configures smc or a plugin; the base class of all kinds of settings.

    Args:
        name: name of the variable.
        what: what it sets, as a phrase without a full stop; may contain Markdown code marks.
        default: its value if it is unset or empty. None if there is no such value; ``absent`` then says what happens.
        absent: what applies without it, in words; None to show the default itself.
        param: the hyperparameter that is read if the variable is not set.
        group: its table in the docs: ``job``, ``code``, ``hosts``, ``limits``, ``tests``, or a plugin's name.

    """

    __slots__ = ("absent", "default", "group", "name", "param", "what")
    said: ClassVar[str] = "text"

    def __init__(
        self,
        name: str,
        what: str,
        default: object = None,
        *,
        absent: str | None = None,
        param: str | None = None,
        group: str = "job",
    ) -> None:
        self.name = name
        self.what = what
        self.default = default
        self.absent = absent
        self.param = param
        self.group = group

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r})"

    def __str__(self) -> str:
        return self.name

    @property
    def form(self) -> str:
        """What a value must be, in the words of the error."""
        return self.said

    @property
    def default_text(self) -> str:
        """What applies if nothing sets it, in words."""
        return self.absent if self.absent is not None else self.shown(self.default)

    def shown(self, value: object) -> str:
        """A value as people read it."""
        return "none" if value is None else str(value)

    def found(self, environ: Mapping[str, str], params: Mapping[str, str] | None = None) -> tuple[str, Source] | None:
        """The text that sets it, and where that was found; None if nothing sets it.

        Args:
            environ: the variables.
            params: the hyperparameters of the platform, as text.

        """
        own, param = environ.get(self.name, "").strip(), (params or {}).get(self.param or "", "").strip()
        if not own and not param:
            return None
        from smc_core.provenance import Source  # imports typing; the supervisor starts the job first

        return (own, Source("variable", self.name)) if own else (param, Source("hyperparameter", self.param or ""))

    def source(self, environ: Mapping[str, str], params: Mapping[str, str] | None = None) -> Source:
        """What sets it: its variable, its hyperparameter, or the default."""
        from smc_core.provenance import DEFAULT

        given = self.found(environ, params)
        return DEFAULT if given is None else given[1]

    def refused(self, text: str, source: Source) -> ConfigurationError:
        """The error for a text that does not have the right form."""
        return ConfigurationError(f"{source.kind} {source.name} is {shortened(text, 80)!r}, not {self.form}")


class Text(Setting):
    """A setting whose value is its text."""

    __slots__ = ()

    def of(self, environ: Mapping[str, str], params: Mapping[str, str] | None = None) -> str | None:
        """The text, without surrounding blanks; the default if it is not set."""
        given = self.found(environ, params)
        if given is not None:
            return given[0]
        return None if self.default is None else str(self.default)


class Names(Setting):
    """Comma-separated names."""

    __slots__ = ()

    said = "names with commas between them"

    def of(self, environ: Mapping[str, str], params: Mapping[str, str] | None = None) -> list[str]:
        """The names in their order, none of them empty."""
        given = self.found(environ, params)
        return [] if given is None else [name.strip() for name in given[0].split(",") if name.strip()]


class Flag(Setting):
    """Yes or no."""

    __slots__ = ()

    said = "1 or 0 (true or false, yes or no, on or off)"

    def shown(self, value: object) -> str:
        """``1`` or ``0``."""
        return "1" if value else "0"

    def of(self, environ: Mapping[str, str], params: Mapping[str, str] | None = None) -> bool:
        """Whether it is on.

        Raises:
            ConfigurationError: its text is neither yes nor no.

        """
        given = self.found(environ, params)
        if given is None:
            return bool(self.default)
        word = given[0].lower()
        if word not in TRUE and word not in FALSE:
            raise self.refused(*given)
        return word in TRUE


class Choice(Setting):
    """One of a few words.

    Args:
        choices: the words.
        options: as :class:`Setting` has them.

    """

    __slots__ = ("choices",)

    def __init__(
        self, name: str, what: str, choices: Iterable[str], default: str | None = None, **options: Any
    ) -> None:
        super().__init__(name, what, default, **options)
        self.choices = tuple(choices)

    @property
    def form(self) -> str:
        """The words."""
        return f"one of {', '.join(self.choices)}" if len(self.choices) > 1 else repr(self.choices[0])

    def of(self, environ: Mapping[str, str], params: Mapping[str, str] | None = None) -> str | None:
        """The word, in small letters; the default where it is not set.

        Raises:
            ConfigurationError: it is none of the choices.

        """
        given = self.found(environ, params)
        if given is None:
            return None if self.default is None else str(self.default)
        word = given[0].lower()
        if word not in self.choices:
            raise self.refused(*given)
        return word


class Seconds(Setting):
    """A duration in seconds, from 0 (or ``least``) on; a fraction is fine. Without a default only :meth:`given` is."""

    __slots__ = ("least",)

    def __init__(
        self, name: str, what: str, default: float | None = None, *, least: float = 0.0, **options: Any
    ) -> None:
        super().__init__(name, what, default, **options)
        self.least = least

    @property
    def form(self) -> str:
        """What is expected, with an example."""
        example = 60 if self.default is None else self.default
        more = f" from {self.least:g} on" if self.least else ""
        return f"a number of seconds{more}, such as {example:g}"

    def shown(self, value: object) -> str:
        """Without a needless fraction."""
        return f"{value:g}" if isinstance(value, float | int) else "none"

    def of(self, environ: Mapping[str, str], params: Mapping[str, str] | None = None) -> float:
        """The number of seconds.

        Raises:
            ConfigurationError: it is no number, or out of range.

        """
        value = self.given(environ, params)
        if value is None:
            return float(str(self.default))
        return value

    def given(self, environ: Mapping[str, str], params: Mapping[str, str] | None = None) -> float | None:
        """The number of seconds that is set, or None.

        Raises:
            ConfigurationError: it is no number, or out of range.

        """
        given = self.found(environ, params)
        if given is None:
            return None
        try:
            value = float(given[0])
        except ValueError:
            value = -1.0
        if not self.least <= value < _LONGEST:
            raise self.refused(*given)
        return value


class Count(Setting):
    """A whole number from ``least`` to ``most``, both included; ``_`` between digits is fine.

    One without a default is read by :meth:`given`.

    Args:
        unit: of the number, for the docs: ``bytes``, ``files``.
        options: as :class:`Setting` has them.

    """

    __slots__ = ("least", "most", "unit")

    def __init__(
        self,
        name: str,
        what: str,
        default: int | None = None,
        *,
        least: int = 1,
        most: int = _LARGEST,
        unit: str = "",
        **options: Any,
    ) -> None:
        super().__init__(name, what, default, **options)
        self.least = least
        self.most = most
        self.unit = unit

    @property
    def form(self) -> str:
        """What is expected."""
        upper = "on" if self.most == _LARGEST else f"to {self.most}"
        return f"a whole number from {self.least} {upper}"

    def shown(self, value: object) -> str:
        """With the unit; bytes in the largest binary unit that divides them."""
        if not isinstance(value, int):
            return "none"
        if self.unit == "bytes":
            for power, name in ((30, "GiB"), (20, "MiB"), (10, "KiB")):
                if value and value % (1 << power) == 0:
                    return f"{value >> power:,} {name}"
        number = f"{value:,}" if self.unit else str(value)
        return f"{number} {self.unit}".strip()

    def of(self, environ: Mapping[str, str], params: Mapping[str, str] | None = None) -> int:
        """The number.

        Raises:
            ConfigurationError: it is no whole number, or out of range.

        """
        value = self.given(environ, params)
        return int(str(self.default)) if value is None else value

    def given(self, environ: Mapping[str, str], params: Mapping[str, str] | None = None) -> int | None:
        """The number that is set, or None.

        Raises:
            ConfigurationError: it is no whole number, or out of range.

        """
        given = self.found(environ, params)
        if given is None:
            return None
        digits = given[0].replace("_", "")
        is_number = digits.isascii() and digits.isdigit() and len(digits) <= 20
        if not is_number or not self.least <= int(digits) <= self.most:
            raise self.refused(*given)
        return int(digits)
