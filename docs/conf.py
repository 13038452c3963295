"""How Sphinx makes the pages. What is read from the code stands in them: docs/api.py and docs/tables.py write it."""

from __future__ import annotations

import smc_core

project = "smc"
author = "the smc developers"
version = release = smc_core.__version__
extensions = ["myst_parser"]
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = f"smc {version}"
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3
suppress_warnings = ["myst.header"]
nitpicky = True
