"""Every fenced block of the docs and of every distribution's README, run as its reader would run it.

A page is one story: its blocks run in their order, in one folder that begins empty.

- ``python`` is run, ``bash`` is run; each must end with exit code 0.
- ``console`` is a session: what a ``$`` line runs must print the lines that follow it, ``...`` standing for anything.
- ``pip install`` installs into the page's own folder, from the page's own folder: nothing comes from an index.
- A block of any language whose first line is a comment with a file name, ``# train.py``, becomes that file. (JSON has
  no comments: such a file is written by a ``bash`` block.)
- A block that cannot run here says so in the line above it: ``<!-- not run: it needs a registry -->``. So it is with
  every block that is none of these.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

ROOT = Path(__file__).parents[2]
SECONDS = 300

_FILE = re.compile(r"\A(?:#|//|<!--) ([\w.][\w./-]*\.\w+|(?:\w+/)*Dockerfile)(?: -->)?\n")
_NOT_RUN = re.compile(r"<!-- not run: (.+) -->\s*\Z", re.DOTALL)


_OFFLINE = {"PIP_NO_INDEX": "1", "PIP_NO_DEPS": "1", "PIP_NO_BUILD_ISOLATION": "0", "PIP_QUIET": "1"}
_NEEDS = {
    "chainer": "chainer",
    "keras": "keras",
    "mpi": "mpi4py",
    "pytorch": "torch",
    "sklearn": "sklearn",
    "tensorflow": "tensorflow",
}
"""Plugin → the framework without which its two pages are not run; the nox session of the plugin has it."""
_OF_PLUGIN = re.compile(r"(?:docs/)?plugins/(\w+)(?:/README)?\.md")


@dataclass(frozen=True)
class Block:
    """One fenced block.

    Attributes:
        page: path of the page from the repository's root.
        line: of its opening fence, from 1.
        language: the first word after the fence.
        text: what stands between the fences.
        not_run: why it is not run; None where it is.
    """

    page: str
    line: int
    language: str
    text: str
    not_run: str | None

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"

    @property
    def file(self) -> str | None:
        """Name of the file that it is, if it is one."""
        found = _FILE.match(self.text)
        return found[1] if found and self.language != "console" else None


def pages() -> list[str]:
    """The docs, and what lies beside the code, by their paths from the root."""
    found = [
        ROOT / "README.md",
        ROOT / "CONTRIBUTING.md",
        *ROOT.glob("plugins/*/README.md"),
        *ROOT.glob("docs/**/*.md"),
    ]
    return sorted(str(path.relative_to(ROOT)) for path in found if "_build" not in path.parts)


def blocks(page: str) -> Iterator[Block]:
    """The blocks of a page. MyST's directives, ``{toctree}`` and their like, are Sphinx's business."""
    before = ""
    for token in MarkdownIt().parse((ROOT / page).read_text(encoding="utf-8")):
        if token.type == "fence" and token.map is not None and not token.info.startswith("{"):
            reason = _NOT_RUN.search(before)
            language = (token.info.split() or [""])[0]
            yield Block(
                page, token.map[0] + 1, language, token.content, " ".join(reason[1].split()) if reason else None
            )
        if token.type in ("html_block", "fence"):
            before = token.content if token.type == "html_block" else ""
        elif not token.type.endswith("_close"):
            before = ""


def _name(page: str) -> str:
    """What a session of nox finds a page by: ``-k keras.md`` is the plugin's page and its README."""
    return page.replace("/README.md", ".md")


@pytest.mark.parametrize("page", pages(), ids=_name)
def test_page(page: str, tmp_path: Path) -> None:
    plugin = _OF_PLUGIN.fullmatch(page)
    if plugin and find_spec(_NEEDS[plugin[1]]) is None:
        pytest.skip(f"{_NEEDS[plugin[1]]} is not installed here; nox -s plugin-{plugin[1]} runs this page")
    for block in blocks(page):
        if block.not_run is None:
            _run_block(block, tmp_path)


@pytest.mark.parametrize("block", [b for page in pages() for b in blocks(page) if b.not_run], ids=str)
def test_block_that_is_not_run(block: Block) -> None:
    pytest.skip(f"not run: {block.not_run}")


def _run_block(block: Block, folder: Path) -> None:
    if block.file is not None:
        path = folder / block.file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(block.text, encoding="utf-8")
    elif block.language == "console":
        for command, expected in _session(block.text):
            printed, _ = _run(["bash", "-c", command], folder)
            assert _matches(expected, printed), f"{block}: $ {command}\nprinted\n{printed}\nand not\n{expected}"
    elif block.language == "bash":
        printed, code = _run(["bash", "-euo", "pipefail", "-c", block.text], folder)
        assert code == 0, f"{block} ended with exit code {code} and printed\n{printed}"
    elif block.language == "python":
        printed, code = _run([sys.executable, "-W", "error", "-c", block.text], folder)
        assert code == 0, f"{block} ended with exit code {code} and printed\n{printed}"
    else:
        raise AssertionError(f"{block} can neither be run nor says why: <!-- not run: ... --> above it")


def _session(text: str) -> Iterator[tuple[str, str]]:
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        command, _, expected = part.partition("\n")
        yield command, expected


def _matches(expected: str, printed: str) -> bool:
    """Whether this was printed; ``...`` is any text, and on a line of its own any number of lines, or none."""
    pieces = re.split(r"(^\.\.\.\n|\n\.\.\.\Z|\.\.\.)", expected.strip(), flags=re.MULTILINE)
    patterns = {"...\n": "(?:.*\n)?", "\n...": "(?:\n.*)?", "...": ".*"}
    pattern = "".join(patterns.get(piece, re.escape(piece)) for piece in pieces)
    return re.fullmatch(pattern, printed.strip(), re.DOTALL) is not None


def _run(argv: list[str], folder: Path) -> tuple[str, int]:
    environ = {k: v for k, v in os.environ.items() if not k.startswith(("SM_", "SMC_", "SAGEMAKER_", "PYTHON"))}
    environ["PATH"] = f"{Path(sys.executable).parent}:{environ['PATH']}"
    environ["PYTHONPATH"] = environ["PIP_TARGET"] = str(folder / ".site-packages")
    ended = subprocess.run(
        argv,
        cwd=folder,
        env={**environ, **_OFFLINE},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    return ended.stdout, ended.returncode


@pytest.mark.parametrize(
    ("expected", "printed", "is_so"),
    [
        ("a\n...\nb", "a\nb", True),
        ("a\n...\nb", "a\nx\ny\nb", True),
        ("a\n...\nb", "a\nxb", False),
        ("...\nb\n...", "a\nb\n", True),
        ("a ... c", "a b c", True),
        ("a ... c", "a b", False),
    ],
)
def test_what_three_dots_stand_for(expected: str, printed: str, is_so: bool) -> None:
    assert _matches(expected, printed) == is_so
