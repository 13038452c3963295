"""How Sphinx makes the pages. What can be read from the code is: docstrings, fields, variables."""

from __future__ import annotations

from typing import TYPE_CHECKING

import smc_core
from smc_core import Environment
from smc_core.variables import FIELD_VARIABLES

if TYPE_CHECKING:
    from sphinx.application import Sphinx

project = "smc"
author = "the smc developers"
version = release = smc_core.__version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = f"smc {version}"
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3
suppress_warnings = ["myst.header"]
autodoc_typehints = "signature"
autodoc_preserve_defaults = True
autodoc_member_order = "bysource"
napoleon_custom_sections = ["Runs in"]
nitpicky = True
nitpick_ignore_regex = [
    ("py:.*", r"(?!smc_core).*"),  # other projects' pages cannot be asked offline
    ("py:class", r".*\.\w+T"),  # a type variable has no page
]


def fields() -> str:
    """The fields of the Environment as a table."""
    described = {name: field for name, field in Environment.model_fields.items() if field.description}
    rows = [
        f"| `{name}` | `{_type_name(field.annotation)}` | {field.description} |" for name, field in described.items()
    ]
    return "\n".join(["| field | type | what it holds |", "|---|---|---|", *rows])


def _type_name(annotation: object) -> str:
    name = annotation.__name__ if annotation in (str, int, bool) else str(annotation)
    return name.replace("typing.", "").replace(" | None", " or None")


def variables() -> str:
    """The variables that hold a field, as a table."""
    rows = [
        f"| `{name}` | {Environment.model_fields[field].description} |"
        for name, field in sorted(FIELD_VARIABLES.items())
    ]
    return "\n".join(["| variable | what it holds |", "|---|---|", *rows])


def fill_in(_app: Sphinx, _page: str, source: list[str]) -> None:
    """Put the tables where a page asks for them."""
    source[0] = source[0].replace("<!-- table: fields -->", fields()).replace("<!-- table: variables -->", variables())


def keep_returns(_app: Sphinx, _what: str, _name: str, _object: object, _options: object, lines: list[str]) -> None:
    """Keep napoleon from reading ``The module. None: ask the next`` as a type and its description."""
    if "Returns:" in lines[:-1]:
        first = lines.index("Returns:") + 1
        lines[first] = lines[first].replace("    ", "    : ", 1)


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    app.connect("source-read", fill_in)
    app.connect("autodoc-process-docstring", keep_returns, priority=400)  # before napoleon
