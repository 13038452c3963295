"""Requirement files are read as pip reads them, and what is met is found out without an installer."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from tests.code.conftest import make_wheel

from smc_core.code.needs.packages import find_needs
from smc_core.code.needs.requirements import read_requirements
from smc_core.code.needs.unmet import parse, permits, unmet
from smc_core.distributions import Distribution, Distributions
from smc_core.errors import CodeError


def write(path: Path, text: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def texts(path: Path, **environ: str) -> list[str]:
    return [line.text for line in read_requirements(str(path), environ).lines]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("# nothing\n\n", []),
        ("numpy\n", ["numpy"]),
        ("numpy  # a comment\r\npandas", ["numpy", "pandas"]),
        ("pkg @ https://host/x#egg=pkg", ["pkg @ https://host/x#egg=pkg"]),
        ("numpy>=1,\\\n  <2\n", ["numpy>=1,  <2"]),
        ("numpy \\\n# a comment between\n  >=1\n", ["numpy   >=1"]),
        ("numpy==1 \\\n  --hash=sha256:abc \\\n  --hash=sha256:def\n", ["numpy==1"]),
        ("numpy==1 ; python_version > '3' --hash=sha256:a", ["numpy==1 ; python_version > '3'"]),
        ("pkg @ https://${TOKEN}@host/x\n${UNSET}", ["pkg @ https://secret@host/x", "${UNSET}"]),
        ("\ufeffnumpy", ["numpy"]),
        ("numpy\\", ["numpy"]),
        ("--index-url https://host/simple\n-i https://two\n--pre\nnumpy", ["numpy"]),
    ],
)
def test_lines_are_read(tmp_path: Path, text: str, expected: list[str]) -> None:
    assert texts(write(tmp_path / "r.txt", text), TOKEN="secret") == expected


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le"])
def test_a_file_that_powershell_wrote_is_read(tmp_path: Path, encoding: str) -> None:
    content = "numpy\r\n".encode(encoding)
    path = write(tmp_path / "r.txt", content if encoding == "utf-16" else b"\xff\xfe" + content)
    found = read_requirements(str(path), {})
    assert [line.text for line in found.lines] == ["numpy"]
    assert found.opaque == "it is UTF-16"


@pytest.mark.parametrize(
    ("raw", "expected", "opaque"),
    [
        (b"# coding: latin-1\n# \xfc\nnumpy", ["numpy"], "it is LATIN-1"),
        (b"#!x\n# vim: set fileencoding=cp1252 :\n# \x80\nnumpy", ["numpy"], "it is CP1252"),
        (b"# coding: latin-1\nnumpy", ["numpy"], None),  # which is UTF-8 too
        ("# coding: utf-8\n# ü\nnumpy".encode(), ["numpy"], None),
        (b"\xef\xbb\xbf# coding: latin-1\n# \xc3\xbc\nnumpy", ["numpy"], None),  # the mark wins, as for pip
        ("numpy".encode("utf-32"), ["numpy"], "it is UTF-32"),
    ],
)
def test_the_encoding_is_the_one_that_pip_takes(
    tmp_path: Path, raw: bytes, expected: list[str], opaque: str | None
) -> None:
    found = read_requirements(str(write(tmp_path / "r.txt", raw)), {})
    assert ([line.text for line in found.lines], found.opaque) == (expected, opaque)


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"# \xfc\nnumpy", "it is not UTF-8"),
        (b"# coding: utf-8\n# \xfc", "it declares UTF-8 but is not"),
        (b"# coding: klingon\nnumpy", "it declares KLINGON but is not"),
        (b"# coding: rot13\nnumpy", "it declares ROT13 but is not"),
        (b"\xff\xfea", "it declares UTF-16 but is not"),
    ],
)
def test_a_file_in_another_encoding_is_refused(tmp_path: Path, raw: bytes, why: str) -> None:
    with pytest.raises(CodeError, match=rf"r\.txt cannot be read: {why}"):
        read_requirements(str(write(tmp_path / "r.txt", raw)), {})


def test_files_that_it_names_are_read_from_where_it_lies(tmp_path: Path) -> None:
    write(tmp_path / "r.txt", "-r sub/base.txt\n-csub/limits.txt\n--requirement=sub/more.txt\n-e ./local\nlast")
    write(tmp_path / "sub" / "base.txt", "base\n-r deeper.txt\n-r ../r.txt")
    write(tmp_path / "sub" / "deeper.txt", "deeper")
    write(tmp_path / "sub" / "more.txt", "more")
    write(tmp_path / "sub" / "limits.txt", "base<2")
    found = read_requirements(str(tmp_path / "r.txt"), {})
    assert [line.text for line in found.lines] == ["base", "deeper", "more", "./local", "last"]
    assert [line.text for line in found.constraints] == ["base<2"]
    assert [line.text for line in found.lines if line.editable] == ["./local"]
    assert [line.where for line in found.lines][:2] == ["base.txt, line 1", "deeper.txt, line 1"]


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    path = write(tmp_path / "r.txt", "-r gone.txt")
    with pytest.raises(CodeError, match=r"gone\.txt cannot be read \(included by .*r\.txt\): No such file"):
        read_requirements(str(path), {})


def test_a_file_at_a_url_cannot_be_judged(tmp_path: Path) -> None:
    path = write(tmp_path / "r.txt", "-r https://host/base.txt")
    assert read_requirements(str(path), {}).opaque == "it includes a file at a URL"


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder of installed distributions."""
    import zipfile

    folder = tmp_path / "site"
    wheels = [
        make_wheel(tmp_path, "numpy", "1.26.4"),
        make_wheel(tmp_path, "torch", "2.3.1+cu121", ["numpy", "sympy; extra == 'symbols'"]),
        make_wheel(tmp_path, "early", "2.0rc1"),
        make_wheel(tmp_path, "My_Package.x", "1.0", ["my-dependency>=2; python_version >= '3'"]),
        make_wheel(tmp_path, "my-dependency", "2.5", ["my.package-x"]),  # each requires the other
        make_wheel(tmp_path, "needs-more", "1.0", ["absent", "numpy"]),
        make_wheel(tmp_path, "needs-newer", "1.0", ["numpy>=2"]),
        make_wheel(tmp_path, "elsewhere", "1.0", ["absent; sys_platform == 'win32'"]),
        make_wheel(tmp_path, "from-url", "1.0"),
        make_wheel(tmp_path, "from-git", "1.0"),
        make_wheel(tmp_path, "odd", "not.a.version"),
    ]
    for wheel in wheels:
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(folder)
    write(
        folder / "from_url-1.0.dist-info" / "direct_url.json",
        json.dumps({"url": "https://host/from_url-1.0-py3-none-any.whl", "archive_info": {}}),
    )
    vcs = {"vcs": "git", "commit_id": "a" * 40}
    write(
        folder / "from_git-1.0.dist-info" / "direct_url.json",
        json.dumps({"url": "https://host/repo", "vcs_info": vcs}),
    )
    write(folder / "old_style.egg-info" / "PKG-INFO", "Metadata-Version: 1.0\nName: old-style\nVersion: 3.0\n")
    write(folder / "old_style.egg-info" / "requires.txt", "numpy\n")
    return folder


@pytest.mark.parametrize(
    ("line", "met"),
    [
        ("numpy", True),
        ("NumPy>=1.20,<2", True),
        ("numpy==1.26.*", True),
        ("numpy~=1.26", True),
        ("numpy>=2", False),
        ("absent", False),
        ("absent; python_version < '3'", True),
        ("numpy>=2; sys_platform == 'win32'", True),
        ("torch==2.3.1", True),
        ("torch==2.3.1+cu121", True),
        ("torch==2.3.1+cu118", False),
        ("torch[symbols]", False),
        ("torch[unknown]", True),
        ("early", True),
        ("early>=2.0rc1", True),
        ("early>=2.0", False),
        ("my.package_x", True),
        ("needs-more", False),
        ("needs-newer", False),
        ("elsewhere", True),
        ("old-style>=3", True),
        ("odd", True),
        ("odd==1", False),
        ("from-url @ https://host/from_url-1.0-py3-none-any.whl", True),
        ("from-url @ https://host/from_url-1.0-py3-none-any.whl#sha256=abc", True),
        ("from-url @ https://other/from_url-1.0-py3-none-any.whl", False),
        ("https://host/from_url-1.0-py3-none-any.whl", True),
        ("https://host/from_url-2.0-py3-none-any.whl", False),
        (f"from-git @ git+https://host/repo@{'a' * 40}", True),
        (f"from-git @ git+https://host/repo@{'b' * 40}", False),
        ("from-git @ git+https://host/repo@main", False),
        ("from-git @ git+https://host/repo", False),
        ("numpy @ https://host/numpy-1.26.4-py3-none-any.whl", False),
        ("./local", False),
        ("local/numpy-1.26.4-py3-none-any.whl", False),
        ("-e ./local", False),
        ("=nonsense=", False),
    ],
)
def test_what_is_met_is_found_out(tmp_path: Path, site: Path, line: str, met: bool) -> None:
    found = read_requirements(str(write(tmp_path / "r.txt", line)), {})
    assert (unmet(found, Distributions([str(site)])) == []) is met


@pytest.mark.parametrize(
    ("constraint", "met"), [("numpy<2", True), ("numpy>=2", False), ("numpy>=2; python_version<'3'", True)]
)
def test_constraints_count(tmp_path: Path, site: Path, constraint: str, met: bool) -> None:
    write(tmp_path / "c.txt", constraint)
    found = read_requirements(str(write(tmp_path / "r.txt", "torch\n-c c.txt")), {})
    assert (unmet(found, Distributions([str(site)])) == []) is met


def test_the_first_folder_of_the_path_counts(tmp_path: Path, site: Path) -> None:
    import zipfile

    with zipfile.ZipFile(make_wheel(tmp_path, "numpy", "2.1")) as archive:
        archive.extractall(tmp_path / "front")
    found = Distributions([str(tmp_path / "gone"), str(tmp_path / "front"), str(site)]).get("numpy")
    assert found is not None
    assert found.version == "2.1"


PROJECT = '[project]\nname = "demo"\nversion = "1"\ndependencies = [\n  "numpy>=1", # why\n  "torch",\n]\n'
BUILD = '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'


@pytest.mark.parametrize(
    ("files", "shown"),
    [
        ({}, ""),
        ({"pyproject.toml": "[tool.ruff]\nline-length = 100\n"}, ""),
        ({"pyproject.toml": '[project]\nname = "demo"\nversion = "1"\n'}, ""),
        ({"pyproject.toml": PROJECT}, "pyproject.toml"),
        ({"pyproject.toml": PROJECT + BUILD}, "the package demo"),
        ({"pyproject.toml": PROJECT + BUILD + "[tool.uv]\npackage = false\n"}, "pyproject.toml"),
        ({"pyproject.toml": PROJECT + "[tool.uv]\npackage = true\n"}, "the package demo"),
        ({"pyproject.toml": BUILD}, "the package in the code folder"),
        ({"setup.py": "import setuptools\nsetuptools.setup()"}, "the package in the code folder"),
        ({"setup.py": "def ("}, "the package in the code folder"),  # the installer says what is wrong with it
        ({"setup.py": "# a marker\n"}, ""),
        ({"setup.cfg": ""}, ""),
        ({"requirements.txt": ""}, "requirements.txt"),
        ({"requirements.txt": "", "pyproject.toml": PROJECT}, "requirements.txt and pyproject.toml"),
        ({"requirements.txt": "", "setup.py": "setup()"}, "requirements.txt and the package in the code folder"),
        ({"requirements.txt": "", "setup.py": '"""text"""'}, "requirements.txt"),
        (
            {"p-1.dist-info/METADATA": "Name: p\nVersion: 1\nRequires-Dist: numpy\n\nText"},
            "p 1",
        ),
    ],
)
def test_what_code_asks_for_is_found_out(tmp_path: Path, files: dict[str, str], shown: str) -> None:
    for name, text in files.items():
        write(tmp_path / name, text)
    needs = find_needs(str(tmp_path), {})
    assert needs.shown == shown
    assert bool(needs) == bool(shown)


def test_another_requirement_file_can_be_named(tmp_path: Path) -> None:
    write(tmp_path / "requirements.txt", "")
    write(tmp_path / "sub" / "gpu.txt", "")
    for name in ("sub/gpu.txt", str(tmp_path / "sub" / "gpu.txt")):
        assert find_needs(str(tmp_path), {"SMC_REQUIREMENTS": name}).requirements == str(tmp_path / "sub" / "gpu.txt")
    with pytest.raises(CodeError, match=r"variable SMC_REQUIREMENTS is cpu\.txt, but there is no file"):
        find_needs(str(tmp_path), {"SMC_REQUIREMENTS": "cpu.txt"})


def test_a_malformed_project_file_is_named(tmp_path: Path) -> None:
    write(tmp_path / "pyproject.toml", "[project\n")
    with pytest.raises(CodeError, match=r"pyproject\.toml is malformed: .*line 1"):
        find_needs(str(tmp_path), {})


HOSTILE_LINES = {
    "version": f"numpy=={'9' * 5000}",
    "range": f"numpy>=1.{'1' * 5000},<2",
    "brackets": "numpy; " + "(" * 5000 + "python_version > '3'" + ")" * 5000,
    "name": "-" * 20_000,
    "url": "https://host/" + "a-" * 30_000 + ".whl",
    "marker": "numpy; python_version > 'x' and foo_bar == '1'",
    "digits in marker": f"numpy; python_version > '{'9' * 5000}'",
    "extras": "numpy[" + "a," * 20_000 + "]",
    "white space": "numpy" + " " * 60_000 + "x",
    "white space before": " " * 60_000 + "numpy" + "\t" * 60_000 + "#",
    "option": "--index-url" + " " * 60_000 + "x",
    "dashes": "numpy" + " -" * 30_000,
}

JUDGE = """
import json, resource, sys
resource.setrlimit(resource.RLIMIT_CPU, (20, 20))
from smc_core.distributions import Distribution, Distributions
from smc_core.code.needs.requirements import read_requirements
from smc_core.code.needs.unmet import unmet
for path in sys.argv[1:]:
    print(path.rpartition("/")[2], len(unmet(read_requirements(path, {}), Distributions())))
"""


def test_a_hostile_line_is_left_to_the_installer_in_time_that_grows_with_its_length(tmp_path: Path) -> None:
    """In one process that is given 20 s of a processor."""
    for name, line in HOSTILE_LINES.items():
        (tmp_path / name).write_text(line + "\n")
    arguments = [sys.executable, "-c", JUDGE, *(str(tmp_path / name) for name in HOSTILE_LINES)]
    ended = subprocess.run(arguments, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr[-2000:]
    judged = dict(line.rsplit(" ", 1) for line in ended.stdout.splitlines())
    assert set(judged) == set(HOSTILE_LINES)
    assert {name for name, number in judged.items() if number == "0"} <= {"option", "name"}


def test_a_distribution_with_an_endless_version_meets_nothing(tmp_path: Path) -> None:
    asked = parse("numpy>=1")
    assert asked is not None
    assert not permits(asked, Distribution("numpy", "9" * 5000, (), str(tmp_path)))


def test_files_that_name_each_other_in_a_fan_are_not_read_a_million_times(tmp_path: Path) -> None:
    for number in range(20):
        (tmp_path / f"r{number}.txt").write_text(f"-r r{number + 1}.txt\n" * 2)
    (tmp_path / "r20.txt").write_text("numpy\n")
    with pytest.raises(CodeError, match=r"r0\.txt includes more than 1,000 requirement files"):
        read_requirements(str(tmp_path / "r0.txt"), {})


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("numpy # c", "numpy"),
        ("# c", ""),
        ("a#b", "a#b"),
        ("a#b #c", "a#b"),
        ("https://h/x#egg=y\t# c", "https://h/x#egg=y"),
    ],
)
def test_comments(tmp_path: Path, line: str, text: str) -> None:
    (tmp_path / "r.txt").write_text(line)
    assert [found.text for found in read_requirements(str(tmp_path / "r.txt"), {}).lines] == ([text] if text else [])
