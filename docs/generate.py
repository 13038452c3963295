"""Writes into the pages what they have from the code: ``python docs/generate.py`` after a change.

Tables (``docs/tables.py``) and docstrings (``docs/api.py``) stand in the pages themselves, so that a page reads on a
code host as it does in the built site; a test says when one is out of date.
"""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

HERE = Path(__file__).parent


def main() -> int:
    """Rewrite what is out of date, and say which pages were."""
    programs = [runpy.run_path(str(HERE / name))["rendered"] for name in ("tables.py", "api.py")]
    for path in sorted(HERE.glob("**/*.md")):
        page = now = path.read_text(encoding="utf-8")
        for rendered in programs:
            now = rendered(now)
        if now != page:
            path.write_text(now, encoding="utf-8")
            print(path.relative_to(HERE))
    return 0


if __name__ == "__main__":
    sys.exit(main())
