"""What the reference says, held against the code."""

from __future__ import annotations

import inspect
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from smc_core import Environment, contract, errors, hookspecs, kit
from smc_core.environment import fields
from smc_core.plugins import HOOKS
from smc_core.settings import CORE

DOCS = Path(__file__).parents[2] / "docs"
HEADINGS = ["Runs in:", "Args:", "Returns:", "Raises:"]


def _docstring(hook: str) -> str:
    return inspect.getdoc(getattr(hookspecs, hook)) or ""


def _section(hook: str, heading: str) -> str:
    """A section of a hook's docstring, without its indentation."""
    after = _docstring(hook).partition(f"\n{heading}\n")[2]
    return inspect.cleandoc(re.split(r"\n(?=\S)", after)[0])


@pytest.mark.parametrize("hook", HOOKS)
def test_a_hook_is_documented_under_the_same_headings(hook: str) -> None:
    text = _docstring(hook)
    summary, blank, *_ = text.splitlines()
    assert summary.endswith(".")
    assert blank == ""
    assert re.findall(r"^[A-Z][a-z ]+:$", text, re.MULTILINE) == HEADINGS


@pytest.mark.parametrize("hook", HOOKS)
def test_a_hook_documents_its_arguments_and_what_none_means(hook: str) -> None:
    arguments = list(inspect.signature(getattr(hookspecs, hook)).parameters)
    assert re.findall(r"^(\w+): ", _section(hook, "Args:"), re.MULTILINE) == arguments
    assert "None: " in _section(hook, "Returns:")


@pytest.mark.parametrize("hook", HOOKS)
def test_the_page_of_the_hooks_has_its_arguments_and_place(hook: str) -> None:
    page = (DOCS / "reference/hooks.md").read_text()
    assert f"<!-- api: smc_core.hookspecs.{hook} -->\n" in page
    row = next(line for line in page.splitlines() if line.startswith(f"| `{hook}` |"))
    _, _, arguments, place, result, _ = (cell.strip() for cell in row.split("|"))
    assert re.findall(r"`(\w+)`", arguments) == list(inspect.signature(getattr(hookspecs, hook)).parameters)
    assert place in " ".join(_section(hook, "Runs in:").split())
    first = getattr(hookspecs, hook).smc_spec["firstresult"]
    assert (result == "the first") == first == ("First result." in _docstring(hook))


def test_the_page_of_the_hooks_has_them_in_call_order() -> None:
    page = (DOCS / "reference/hooks.md").read_text()
    assert re.findall(r"api: smc_core\.hookspecs\.([a-z_]+) ", page) == list(HOOKS)


def test_every_variable_that_smc_reads_is_among_the_settings() -> None:
    page = (DOCS / "reference/settings.md").read_text()
    sources = "".join(path.read_text() for path in DOCS.parent.glob("src/**/*.py"))
    read = set(re.findall(r'"((?:SMC|SAGEMAKER|CA)_[A-Z_]+)"', sources))
    read = {f"{name}<NAME>" if name.endswith("_") else name for name in read}  # one variable for each name
    not_read = {"SMC_EXAMPLE_QUIET", "SAGEMAKER_HPS", "SAGEMAKER_JOB_NAME", "SAGEMAKER_USE_NGINX"}
    assert {name for name in read - not_read if f"`{name}`" not in page} == set()


@pytest.mark.parametrize("program", ["tables.py", "api.py"])
def test_what_the_pages_have_from_the_code_is_up_to_date(program: str) -> None:
    rendered = runpy.run_path(str(DOCS / program))["rendered"]
    stale = [page.name for page in DOCS.glob("**/*.md") if rendered(page.read_text()) != page.read_text()]
    assert stale == [], "run: python docs/generate.py"


def test_the_reference_reads_on_a_code_host_as_in_the_built_site() -> None:
    """Neither a directive of Sphinx's nor an empty place to be filled in."""
    text = {page.name: page.read_text() for page in DOCS.glob("reference/*.md")}
    assert [name for name, page in text.items() if "```{" in page or re.search(r"-->\n+<!-- end", page)] == []


def test_every_name_of_the_kit_is_on_its_page() -> None:
    page = (DOCS / "reference/kit.md").read_text()
    assert sorted(set(re.findall(r"<!-- api: smc_core\.kit\.(\w+)", page))) == sorted(kit.__all__)
    table = re.findall(r"`(\w+)`", page.partition("| for | names |")[2].partition("\n\n")[0])
    assert sorted(table) == sorted(kit.__all__)


def test_every_setting_has_a_row() -> None:
    page = (DOCS / "reference/settings.md").read_text()
    plugins = runpy.run_path(str(DOCS / "tables.py"))["of_plugins"]()
    assert {each.name for each in plugins} >= {"SMC_TORCH_BACKEND", "SMC_KERAS_EXPORT"}
    assert [name for name in [*CORE, *(each.name for each in plugins)] if f"\n| `{name}` |" not in page] == []


def test_every_setting_is_in_the_help() -> None:
    shown = subprocess.run([sys.executable, "-m", "smc_core", "--help"], capture_output=True, text=True, check=True)
    assert [name for name in CORE if f"\n  {name} " not in shown.stdout] == []


def test_every_hyperparameter_of_the_platform_is_among_the_settings() -> None:
    page = (DOCS / "reference/settings.md").read_text()
    platform = set(contract.SAGEMAKER_HPS) - {contract.TUNING_METRIC_PARAM, contract.DEFAULT_MODULE_NAME_PARAM}
    assert {name for name in platform if f"`{name}`" not in page} == set()


def test_every_exit_code_is_on_the_page_of_the_errors() -> None:
    page = (DOCS / "reference/errors.md").read_text()
    reserved = {v for n, v in vars(errors).items() if n.startswith("EXIT_")} - {0, 1, errors.EXIT_SIGNAL_BASE}
    assert {int(code) for code in re.findall(r"^\| (\d+) \|", page, re.MULTILINE)} == reserved


def test_every_command_is_on_the_page_of_the_command_line() -> None:
    page = (DOCS / "reference/command-line.md").read_text()
    shown = subprocess.run([sys.executable, "-m", "smc_core", "--help"], capture_output=True, text=True, check=True)
    commands = re.findall(r"^    (\w+) ", shown.stdout, re.MULTILINE)
    assert re.findall(r"^## smc (\w+)$", page, re.MULTILINE) == commands


def test_every_field_of_the_environment_is_described() -> None:
    undescribed = [name for name, field in fields(Environment).items() if not field.description]
    assert undescribed == ["sources"]


_PAGES = [DOCS.parent / "README.md", *DOCS.glob("**/*.md"), *DOCS.parent.glob("plugins/*/README.md")]


@pytest.mark.parametrize("page", [page for page in _PAGES if "_build" not in page.parts], ids=str)
def test_a_page_that_installs_from_an_index_says_how_before_the_first_release(page: Path) -> None:
    text = page.read_text()
    installs = re.search(r"pip install [^`\n]*\bsmc-(core|chainer|keras|mpi|pytorch|sklearn|tensorflow)\b", text)
    assert not installs or "before the first release" in text.lower()
