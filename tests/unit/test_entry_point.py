"""What is run, and how: told by the entry point itself."""

from pathlib import Path

import pytest

from smc_core.entry_point import EntryPoint, resolve
from smc_core.errors import CodeError, ConfigurationError
from smc_core.testing import JobFolder

MAIN_BLOCK = 'def train(): ...\nif __name__ == "__main__":\n    train()\n'


def find(job: JobFolder, name: str | None, *, as_module: bool = False, **environ: str) -> EntryPoint:
    return resolve(name, str(job.base / "code"), as_module=as_module, environ=environ)


@pytest.mark.parametrize(
    ("source", "mode", "reason"),
    [
        ("def train(): ...", "function", "it defines train()"),
        ("async def train(): ...", "function", "it defines train()"),
        (MAIN_BLOCK, "script", "__main__"),
        ("if '__main__' == __name__: pass\ndef train(): ...", "script", "__main__"),
        ("print(1)", "script", "it defines no train()"),
        ("class A:\n    def train(self): ...", "script", "it defines no train()"),
        ("", "script", "it defines no train()"),
        ("def train(:", "script", "cannot parse"),
        ("# -*- coding: latin-1 -*-\n# \xe9\ndef train(): ...", "function", "it defines train()"),
    ],
)
def test_mode_is_read_from_the_syntax_tree(job: JobFolder, source: str, mode: str, reason: str) -> None:
    job.code_files({"train.py": source.encode("latin-1")})
    found = find(job, "train.py")
    assert (found.mode, found.module) == (mode, None)
    assert reason in found.reason


@pytest.mark.parametrize(
    ("source", "mode"),
    [
        ("from lib import train", "script"),  # a module of that name
        ("from lib.train import train", "function"),
        ("from lib.train import *", "function"),
        ("from lib.other import *", "script"),
        ("from lib.nowhere import *", "script"),
        ("from exporting import train", "function"),  # a module of that name too, but the package has the function
        ("from installed_elsewhere import train", "function"),
    ],
)
def test_what_is_imported_from_the_code_itself_is_looked_at(job: JobFolder, source: str, mode: str) -> None:
    lib = {"train.py": "def train(): ...", "other.py": "def fit(): ...", "__init__.py": ""}
    job.code_files({f"lib/{name}": text for name, text in lib.items()})
    job.code_files({"exporting/train.py": "def train(): ...", "exporting/__init__.py": "from .train import train"})
    job.code(main_py=source)
    assert find(job, "main.py").mode == mode


def test_a_file_that_is_nested_too_deeply_is_a_script(job: JobFolder) -> None:
    job.code(train_py="def train(): ...\nif a == 0: ...\n" + "elif a == 1: ...\n" * 3000)
    assert find(job, "train.py").mode == "script"


def test_nothing_is_imported_to_find_out(job: JobFolder) -> None:
    job.code(train_py="raise SystemExit('imported')\ndef train(): ...")
    assert find(job, "train.py").mode == "function"


@pytest.mark.parametrize("mode", ["script", "function"])
def test_the_user_decides_with_smc_mode(job: JobFolder, mode: str) -> None:
    job.code(train_py=MAIN_BLOCK)
    found = find(job, "train.py", SMC_MODE=mode)
    assert (found.mode, found.reason) == (mode, f"SMC_MODE={mode}")


def test_a_wrong_mode_is_refused(job: JobFolder) -> None:
    job.code(train_py="")
    with pytest.raises(ConfigurationError, match="SMC_MODE is 'fast', not one of script, function"):
        find(job, "train.py", SMC_MODE="fast")


@pytest.mark.parametrize("beside", ["setup.py", "pyproject.toml"])
def test_a_stray_package_file_changes_nothing(job: JobFolder, beside: str) -> None:
    job.code_files({"train.py": "print(1)", beside: ""})
    assert find(job, "train.py")._replace(tree=None) == EntryPoint(
        "train.py", str(job.base / "code/train.py"), None, "script", "it defines no train()"
    )


def test_files_in_folders_modules_and_packages(job: JobFolder) -> None:
    job.code_files({"pkg/train.py": MAIN_BLOCK, "pkg/__init__.py": "", "app/__main__.py": "print(1)"})
    assert find(job, "pkg/train.py").module is None
    assert find(job, "pkg.train").module == "pkg.train"
    assert find(job, "pkg.train").path == str(job.base / "code/pkg/train.py")
    assert find(job, "app").path == str(job.base / "code/app/__main__.py")
    assert find(job, "json.tool", as_module=True).module == "json.tool"


def test_a_file_goes_before_a_module(job: JobFolder) -> None:
    job.code_files({"pkg.train": "#!/bin/sh\n", "pkg/train.py": ""})
    assert find(job, "pkg.train").mode == "executable"
    assert find(job, "pkg.train", as_module=True).mode == "script"


def test_shell_scripts_and_programs(job: JobFolder) -> None:
    job.code_files({"run.sh": "exit 0", "train": "#!/usr/bin/env -S python3 -u\n"})
    assert find(job, "run.sh").mode == "executable"
    assert find(job, "train").mode == "executable"


def test_no_entry_point_lists_the_files(job: JobFolder) -> None:
    job.code_files({"a.py": "", "data/x.csv": ""})
    with pytest.raises(ConfigurationError, match=r"no entry point: .*sagemaker_program.*contains a\.py, data/x\.csv"):
        find(job, None)


def test_one_that_is_not_there_names_the_nearest(job: JobFolder) -> None:
    job.code_files({"src/train.py": "", "trian.py": ""})
    with pytest.raises(CodeError, match=r"did you mean src/train\.py or trian\.py\?"):
        find(job, "train.py")
    with pytest.raises(CodeError, match="contains no files"):
        resolve("train.py", str(job.base / "model"))


@pytest.mark.parametrize("name", ["train.py", "package.train", "package.inner.train", "package", "spread.deep.train"])
def test_nothing_is_imported_to_find_it(
    name: str, job: JobFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither the file of that name elsewhere on the module path, nor the packages that hold a module."""
    elsewhere = tmp_path / "elsewhere"
    bomb = "raise SystemExit('it was imported')"
    for path in ("train.py", "package/__init__.py", "package/inner/__init__.py", "package/__main__.py"):
        (elsewhere / path).parent.mkdir(parents=True, exist_ok=True)
        (elsewhere / path).write_text(bomb)
    for path in ("package/train.py", "package/inner/train.py", "spread/deep/train.py"):
        (elsewhere / path).parent.mkdir(parents=True, exist_ok=True)
        (elsewhere / path).write_text("def train(): pass\n")
    monkeypatch.syspath_prepend(str(elsewhere))
    job.code(other_py="")
    if name == "train.py":
        with pytest.raises(CodeError, match=r"'train.py' is neither a file nor a module in .*code"):
            find(job, name)
        return
    found = find(job, name)
    inside = f"{name.replace('.', '/')}.py" if name != "package" else "package/__main__.py"
    assert found.path == str(elsewhere / inside)
