"""How the subcommands print an answer."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from smc_core import printable

if TYPE_CHECKING:
    from smc_core.environment import Environment
    from smc_core.masking import Masker

_MARKDOWN = re.compile(r"\[([^\]]*)\]\([^)]*\)|`")


def show(text: str, *, as_json: bool) -> None:
    """Print what may hold text from outside; JSON escapes it already."""
    print(text if as_json else printable.in_lines(text))


def plain(markdown: str) -> str:
    """What a table of the documentation says, for a terminal: without links and code marks."""
    return _MARKDOWN.sub(r"\1", markdown)


def masker(environment: Environment) -> Masker:
    """What hides the secrets of a job."""
    from smc_core.contract import HYPERPARAMETERS_FILE
    from smc_core.masking import Masker

    return Masker.of_job(os.environ, os.path.join(environment.input_config_dir, HYPERPARAMETERS_FILE))
