"""Requirements are installed by real installers, from an index made in the test, and by none where all is there."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from tests.code.conftest import Interpreter, Server, make_index, make_wheel, tar_bytes

from smc_core.code.needs.install import install
from smc_core.code.needs.job_packages import is_writable
from smc_core.errors import CodeError

NO_NETWORK = ("unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh")
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root for namespaces")


@pytest.fixture
def index(server: Server, tmp_path: Path) -> str:
    """A package index of this machine, with alpha 1.0 and 2.0, and beta, which requires alpha."""
    wheels = [
        make_wheel(tmp_path / "wheels", "alpha", "1.0"),
        make_wheel(tmp_path / "wheels", "alpha", "2.0"),
        make_wheel(tmp_path / "wheels", "beta", "1.0", ["alpha"], scripts={"beta": "beta:main"}),
        make_wheel(tmp_path / "wheels", "torch", "2.3.1"),
        make_wheel(tmp_path / "wheels", "torch", "2.4.0"),
        make_wheel(tmp_path / "wheels", "uses-torch", "1.0", ["torch"]),
        make_wheel(tmp_path / "wheels", "needs-torch", "1.0", ["torch>=2.4"]),
        make_wheel(tmp_path / "wheels", "needs-tensorflow", "1.0", ["tensorflow"]),
        make_wheel(tmp_path / "wheels", "tensorflow", "2.16.1"),
        make_wheel(tmp_path / "wheels", "numpy", "2.1.0"),
    ]
    return make_index(server, wheels)


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def test_code_that_asks_for_nothing_imports_nothing(code: Path) -> None:
    (code / "train.py").write_text("")
    program = (
        f"import sys, json; from smc_core.code.needs.install import install; print(install({str(code)!r}))\n"
        "print({'packaging', 'subprocess', 'tomllib', 'tomli', 'email', 'importlib.metadata'} & set(sys.modules))"
    )
    ended = subprocess.run(
        [sys.executable, "-S", "-c", f"import sys; sys.path += {sys.path!r}; {program}"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert ended.stdout == "Installed(changed=False, summary='', path_entry=None, scripts=None)\nset()\n"


def test_requirements_are_installed(
    interpreter: Interpreter, installer: str, index: str, code: Path, server: Server
) -> None:
    write(code, {"requirements.txt": "beta\nalpha<2\n"})
    outcome = interpreter.install(code, PIP_INDEX_URL=index)
    assert outcome.error is None, outcome.output
    assert outcome.changed
    assert outcome.summary.startswith(f"requirements.txt installed by {installer} in ")
    assert outcome.path_entry is None
    assert interpreter.version_of("alpha") == "1.0"
    assert interpreter.version_of("beta") == "1.0"
    assert "beta" in outcome.output  # what the installer says passes through
    server.requests.clear()
    again = interpreter.install(code, PIP_INDEX_URL=index, PATH="/nowhere")
    assert (again.changed, again.summary, again.output) == (False, "requirements.txt: 2 satisfied", "")
    assert server.requests == []


def test_another_file_can_be_named(interpreter: Interpreter, installer: str, index: str, code: Path) -> None:
    write(code, {"requirements.txt": "gone", "deps/gpu.txt": "-r more.txt\n-c limits.txt", "deps/more.txt": "alpha"})
    write(code, {"deps/limits.txt": "alpha<2"})
    outcome = interpreter.install(code, PIP_INDEX_URL=index, SMC_REQUIREMENTS="deps/gpu.txt")
    assert outcome.summary.startswith(f"gpu.txt installed by {installer}"), outcome
    assert interpreter.version_of("alpha") == "1.0"


def test_hashes_are_verified(interpreter: Interpreter, installer: str, index: str, code: Path, tmp_path: Path) -> None:
    interpreter.put(make_wheel(tmp_path, "torch", "2.3.1+cu121"))
    digest = hashlib.sha256((tmp_path / "wheels" / "alpha-1.0-py3-none-any.whl").read_bytes()).hexdigest()
    write(code, {"requirements.txt": f"alpha==1.0 --hash=sha256:{'0' * 64}"})
    assert "requirements.txt cannot be installed" in (interpreter.install(code, PIP_INDEX_URL=index).error or "")
    write(code, {"requirements.txt": f"alpha==1.0 \\\n  --hash=sha256:{digest}"})
    assert interpreter.install(code, PIP_INDEX_URL=index).changed
    assert interpreter.version_of("alpha") == "1.0"


def test_local_paths_and_repositories(
    interpreter: Interpreter, installer: str, index: str, code: Path, tmp_path: Path
) -> None:
    interpreter.put(*_build_backend(tmp_path))
    repository = tmp_path / "repository"
    write(repository, _tiny_package("from-git", "3.0"))
    for command in ("git init -q -b main", "git add .", "git -c user.name=t -c user.email=t@t commit -qm one"):
        subprocess.run(command.split(), cwd=repository, check=True)
    write(code / "local", _tiny_package("local", "2.0"))
    shutil.copy(tmp_path / "wheels" / "alpha-1.0-py3-none-any.whl", code)
    lines = ["./local", "./alpha-1.0-py3-none-any.whl", f"git+file://{repository}@main#egg=from-git"]
    write(code, {"requirements.txt": "\n".join(lines)})
    outcome = interpreter.install(code, PIP_INDEX_URL=index, PIP_NO_BUILD_ISOLATION="0", UV_NO_BUILD_ISOLATION="1")
    assert outcome.error is None, outcome.error
    assert [interpreter.version_of(name) for name in ("local", "alpha", "from_git")] == ["2.0", "1.0", "3.0"]


def _tiny_package(name: str, version: str, requires: str = "[]") -> dict[str, str]:
    """A package that is built by a backend of ten lines, so that no real one is needed."""
    return {
        "pyproject.toml": f'[project]\nname = "{name}"\nversion = "{version}"\ndependencies = {requires}\n'
        '[build-system]\nrequires = ["tiny-backend"]\nbuild-backend = "tiny_backend"\n',
        f"{name.replace('-', '_')}.py": f"version = {version!r}\n",
    }


BACKEND = """
import pathlib, re, zipfile

def get_requires_for_build_wheel(config_settings=None): return []

def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    text = pathlib.Path("pyproject.toml").read_text()
    name, version = (re.search(key + r' = "(.*)"', text).group(1) for key in ("name", "version"))
    requires = re.findall(r'"(.*?)"', re.search(r"dependencies = (.*)", text).group(1))
    module = name.replace("-", "_")
    info = f"{module}-{version}.dist-info"
    path = f"{module}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(pathlib.Path(wheel_directory, path), "w") as archive:
        archive.write(f"{module}.py")
        archive.writestr(f"{info}/METADATA", "\\n".join(
            ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}", *(f"Requires-Dist: {r}" for r in requires), ""]))
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\\nGenerator: t\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        archive.writestr(f"{info}/RECORD", "".join(f"{name},,\\n" for name in (f"{module}.py", f"{info}/METADATA", f"{info}/WHEEL", f"{info}/RECORD")))
    return path
"""


def _build_backend(folder: Path) -> list[Path]:
    return [make_wheel(folder / "backend", "tiny-backend", code=BACKEND)]


def test_a_package_is_built_and_installed_with_what_it_needs(
    interpreter: Interpreter, installer: str, server: Server, code: Path, tmp_path: Path, index: str
) -> None:
    make_index(server, _build_backend(tmp_path))
    write(code, {**_tiny_package("demo", "1.5", '["beta"]'), "requirements.txt": "alpha==1.0"})
    outcome = interpreter.install(code, PIP_INDEX_URL=index)
    assert outcome.summary.startswith(f"requirements.txt and the package demo installed by {installer}"), outcome
    assert [interpreter.version_of(name) for name in ("demo", "beta", "alpha")] == ["1.5", "1.0", "1.0"]
    again = interpreter.install(code, PIP_INDEX_URL=index, PATH="/nowhere")
    assert (again.changed, again.summary) == (False, "requirements.txt and the package demo: 1 satisfied")
    write(code, {"demo.py": "version = 'submitted'"})  # nothing else: installers would take what they have cached
    assert interpreter.install(code, PIP_INDEX_URL=index).changed
    assert interpreter.version_of("demo") == "submitted"


def test_a_package_with_hashed_requirements(
    interpreter: Interpreter, installer: str, server: Server, code: Path, tmp_path: Path, index: str
) -> None:
    make_index(server, _build_backend(tmp_path))
    digest = hashlib.sha256((tmp_path / "wheels" / "alpha-1.0-py3-none-any.whl").read_bytes()).hexdigest()
    write(code, {**_tiny_package("demo", "1.5"), "requirements.txt": f"alpha==1.0 --hash=sha256:{digest}"})
    assert interpreter.install(code, PIP_INDEX_URL=index).error is None
    assert [interpreter.version_of(name) for name in ("demo", "alpha")] == ["1.5", "1.0"]


def test_dependencies_of_a_project_that_is_no_package(
    interpreter: Interpreter, installer: str, code: Path, index: str
) -> None:
    write(code, {"pyproject.toml": '[project]\nname = "x"\nversion = "0"\ndependencies = ["alpha<2"]\n'})
    outcome = interpreter.install(code, PIP_INDEX_URL=index)
    assert outcome.summary.startswith(f"pyproject.toml installed by {installer}"), outcome
    assert interpreter.version_of("alpha") == "1.0"
    assert interpreter.install(code, PATH="/nowhere").summary == "pyproject.toml: 1 satisfied"


def test_a_wheel_wins_over_the_same_version_that_is_installed(
    interpreter: Interpreter, installer: str, tmp_path: Path, index: str
) -> None:
    interpreter.put(make_wheel(tmp_path, "mine", "1.0"))
    wheel = make_wheel(tmp_path / "new", "mine", "1.0", ["alpha"], code="version = 'submitted'")
    outcome = interpreter.install(wheel, PIP_INDEX_URL=index)
    assert outcome.summary.startswith(f"mine-1.0-py3-none-any.whl installed by {installer}"), outcome
    assert interpreter.version_of("mine") == "submitted"
    assert interpreter.version_of("alpha") == "2.0"


def test_a_source_distribution(
    interpreter: Interpreter, installer: str, tmp_path: Path, index: str, server: Server
) -> None:
    make_index(server, _build_backend(tmp_path))
    files = _tiny_package("demo", "1.5")
    metadata = {"PKG-INFO": "Metadata-Version: 2.1\nName: demo\nVersion: 1.5\n"}
    members = {f"demo-1.5/{name}": text.encode() for name, text in {**files, **metadata}.items()}
    (tmp_path / "dist").mkdir()
    (tmp_path / "dist" / "demo-1.5.tar.gz").write_bytes(tar_bytes(members))
    outcome = interpreter.install(tmp_path / "dist" / "demo-1.5.tar.gz", PIP_INDEX_URL=index)
    assert outcome.changed, outcome.error
    assert interpreter.version_of("demo") == "1.5"


@pytest.mark.parametrize("name", ["gone.whl", "odd.whl", "notes.txt"])
def test_what_is_no_distribution_is_told(tmp_path: Path, name: str) -> None:
    if name != "gone.whl":
        (tmp_path / name).write_text("")
    with pytest.raises(CodeError, match="is neither a"):
        install(tmp_path / name)


def test_a_failure_says_why_and_keeps_the_installers_last_lines(
    interpreter: Interpreter, installer: str, index: str, code: Path
) -> None:
    write(code, {"requirements.txt": "alpha==1.0\nno-such-package>=7"})
    outcome = interpreter.install(code, PIP_INDEX_URL=index)
    first, second = (outcome.error or "").splitlines()
    assert first.startswith("requirements.txt cannot be installed: ")
    assert "no-such-package" in first
    assert len(first) <= 200
    assert second == f"{installer} failed with exit code 1; missing: alpha==1.0, no-such-package>=7"
    assert "no-such-package" in outcome.details
    assert len(outcome.details.splitlines()) <= 20
    assert interpreter.version_of("alpha").startswith("ModuleNotFoundError")


COMPILING_BACKEND = """
import pathlib, subprocess
def get_requires_for_build_wheel(config_settings=None): return []
def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    pathlib.Path("native.c").write_text("int before;\\n#include <no_such_header.h>\\n")
    command = ["cc", *(f"-I/opt/library-{number}/include" for number in range(100)), "-c", "native.c"]
    print(*command, flush=True)
    subprocess.run(command)
    for number in range(30): print("copying", number, flush=True)
    raise SystemExit("error: command '/usr/bin/cc' failed with exit code 1")
"""


@pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler")
def test_what_cannot_be_compiled_begins_with_the_compilers_error(
    interpreter: Interpreter, installer: str, server: Server, code: Path, tmp_path: Path
) -> None:
    index = make_index(server, [make_wheel(tmp_path / "backend", "tiny-backend", code=COMPILING_BACKEND)])
    write(code / "native", _tiny_package("native", "1.0"))
    write(code, {"requirements.txt": "./native"})
    outcome = interpreter.install(code, PIP_INDEX_URL=index)
    first = (outcome.error or "").splitlines()[0]
    told = r"requirements\.txt cannot be installed: native\.c:2:10: fatal error: no_such_header\.h: No such file"
    assert re.match(told, first), outcome.error
    assert "note: This error originates" not in outcome.details
    assert max(map(len, outcome.details.splitlines())) <= 300


SECRET = "sup3rs3cr3t-t0ken"


def test_a_private_index_and_no_secret_in_what_is_written(
    interpreter: Interpreter, installer: str, server: Server, code: Path, tmp_path: Path
) -> None:
    url = make_index(server, [make_wheel(tmp_path, "private", "1.0")], user=f"user:{SECRET}")
    private = url.replace("://", f"://user:{SECRET}@")
    write(code, {"requirements.txt": "private"})
    outcome = interpreter.install(code, PIP_INDEX_URL=private)
    assert outcome.error is None, outcome.error
    assert interpreter.version_of("private") == "1.0"
    write(code, {"requirements.txt": "gone", "spy/setup.py": f"raise SystemExit('env: {private}/x?token=abc')"})
    outcomes = [outcome, interpreter.install(code, PIP_INDEX_URL=private)]
    wrong = private.replace(SECRET, f"not-{SECRET}")
    outcomes.append(interpreter.install(code, PIP_INDEX_URL=wrong))
    write(code, {"requirements.txt": f"-i {private}\ngone"})
    outcomes.append(interpreter.install(code))
    assert all(outcome.error for outcome in outcomes[1:])
    for one in outcomes:
        assert SECRET not in one.output + (one.error or "")


def test_a_secret_of_a_requirement_is_not_written(interpreter: Interpreter, installer: str, code: Path) -> None:
    write(
        code,
        {
            "requirements.txt": "mine @ http://user:${INDEX_WORD}@127.0.0.1:1/mine-1.0-py3-none-any.whl?sig=${INDEX_WORD}"
        },
    )
    outcome = interpreter.install(code, INDEX_WORD=SECRET, PIP_RETRIES="0", UV_HTTP_RETRIES="0")
    assert "mine @ http://****@127.0.0.1:1/mine-1.0-py3-none-any.whl?****" in (outcome.error or "")
    assert SECRET not in outcome.output + (outcome.error or "")


def test_no_secret_stands_on_a_command_line(
    interpreter: Interpreter, server: Server, code: Path, tmp_path: Path
) -> None:
    """Other processes of the machine can read command lines."""
    write(tmp_path / "bin", {"uv": '#!/bin/sh\necho "$@" > "$0.args"; env > "$0.env"\n'})
    (tmp_path / "bin" / "uv").chmod(0o755)
    private = f"http://user:{SECRET}@127.0.0.1:{server.url.rpartition(':')[2]}/simple"
    write(code, {"requirements.txt": "gone"})
    outcome = interpreter.install(
        code, PIP_INDEX_URL=private, PIP_EXTRA_INDEX_URL=private, PATH=f"{tmp_path}/bin:/usr/bin:/bin"
    )
    assert outcome.changed
    assert SECRET not in (tmp_path / "bin" / "uv.args").read_text()
    assert f"UV_DEFAULT_INDEX={private}" in (tmp_path / "bin" / "uv.env").read_text()


def test_further_indexes_are_asked_and_the_best_version_wins(
    interpreter: Interpreter, installer: str, server: Server, code: Path, tmp_path: Path, index: str
) -> None:
    extra = make_index(
        server, [make_wheel(tmp_path / "x", "alpha", "1.5"), make_wheel(tmp_path / "x", "gamma")], "/extra"
    )
    write(code, {"requirements.txt": "alpha\ngamma"})
    assert interpreter.install(code, PIP_INDEX_URL=index, PIP_EXTRA_INDEX_URL=extra).error is None
    assert [interpreter.version_of(name) for name in ("alpha", "gamma")] == ["2.0", "1.0"]


def test_settings_come_from_pips_configuration_too(
    interpreter: Interpreter, installer: str, code: Path, tmp_path: Path, index: str
) -> None:
    extra = tmp_path / "links"
    make_wheel(extra, "gamma")
    write(
        tmp_path,
        {"pip.conf": f"[global]\nindex-url = {index}\n[install]\nfind-links =\n    {extra}\n    {tmp_path}/wheels\n"},
    )
    write(code, {"requirements.txt": "alpha\ngamma"})
    outcome = interpreter.install(code, PIP_CONFIG_FILE=str(tmp_path / "pip.conf"))
    assert outcome.error is None, outcome.error
    assert [interpreter.version_of(name) for name in ("alpha", "gamma")] == ["2.0", "1.0"]


def test_an_option_that_uv_does_not_know_takes_pip(
    interpreter: Interpreter, uv_folder: str, code: Path, index: str
) -> None:
    interpreter.variables["PATH"] = f"{uv_folder}:/usr/bin:/bin"
    write(code, {"requirements.txt": "--use-feature=fast-deps\nalpha"})
    assert interpreter.install(code, PIP_INDEX_URL=index).summary.startswith("requirements.txt installed by pip")


def test_a_file_that_powershell_wrote(interpreter: Interpreter, installer: str, code: Path, index: str) -> None:
    (code / "requirements.txt").write_bytes("alpha\r\n".encode("utf-16"))
    assert interpreter.install(code, PIP_INDEX_URL=index).summary.startswith("requirements.txt installed by pip")


def test_a_file_whose_first_line_names_its_encoding(
    interpreter: Interpreter, installer: str, code: Path, index: str
) -> None:
    (code / "requirements.txt").write_bytes("# -*- coding: latin-1 -*-\n# für das Modell\nalpha\n".encode("latin-1"))
    outcome = interpreter.install(code, PIP_INDEX_URL=index)
    assert outcome.summary.startswith("requirements.txt installed by pip"), outcome


def test_a_setup_file_without_code_asks_for_nothing(interpreter: Interpreter, code: Path) -> None:
    write(code, {"setup.py": "", "train.py": ""})
    assert not interpreter.install(code).changed
    write(code, {"setup.py": '"""Makes this a package."""\n# nothing else\n', "requirements.txt": ""})
    assert interpreter.install(code).error is None


def test_without_any_installer_a_line_says_so(interpreter: Interpreter, code: Path, beside: Path) -> None:
    (interpreter.packages / "beside.pth").write_text(f"{beside}\n")
    write(code, {"requirements.txt": "alpha", "wheels/alpha-1.0-py3-none-any.whl": ""})
    assert "neither uv nor pip is available" in (interpreter.install(code).error or "")


# without network


@needs_root
@pytest.mark.parametrize("where", ["wheels/", "SMC_WHEELS"])
def test_a_folder_of_wheels_needs_no_network(
    interpreter: Interpreter, installer: str, code: Path, tmp_path: Path, where: str
) -> None:
    folder = code / "wheels" if where == "wheels/" else tmp_path / "channel"
    make_wheel(folder, "alpha", "1.0")
    make_wheel(folder, "beta", "1.0", ["alpha"])
    write(code, {"requirements.txt": "beta"})
    variables = {} if where == "wheels/" else {"SMC_WHEELS": str(folder)}
    outcome = interpreter.install(code, *NO_NETWORK, **variables)
    assert outcome.error is None, outcome.error
    assert outcome.summary.endswith(f" s from {folder}")
    assert interpreter.version_of("alpha") == "1.0"


@needs_root
def test_a_package_is_built_without_network_by_what_is_installed(
    interpreter: Interpreter, installer: str, code: Path, tmp_path: Path
) -> None:
    interpreter.put(*_build_backend(tmp_path))
    write(code, _tiny_package("demo", "1.5"))
    outcome = interpreter.install(code, *NO_NETWORK)
    assert outcome.error is None, outcome.error
    assert interpreter.version_of("demo") == "1.5"


@needs_root
def test_wheels_that_lack_something_name_it(
    interpreter: Interpreter, installer: str, code: Path, tmp_path: Path
) -> None:
    make_wheel(code / "wheels", "alpha", "1.0")
    write(code, {"requirements.txt": "alpha\nno-such-package>=7"})
    error = interpreter.install(code, *NO_NETWORK).error or ""
    assert "no-such-package>=7" in error.splitlines()[0]


@needs_root
def test_no_network_and_something_missing_fails_within_seconds(
    interpreter: Interpreter, installer: str, code: Path, tmp_path: Path
) -> None:
    interpreter.put(make_wheel(tmp_path, "alpha", "1.0"))
    write(code, {"requirements.txt": "alpha\nbeta>=3\n"})
    outcome = interpreter.install(code, *NO_NETWORK)
    lines = (outcome.error or "").splitlines()
    told = r"beta>=3 \(requirements\.txt, line 2\) is not installed, and the package index https://\S+ cannot be reached \("
    assert re.match(told, lines[0])
    assert "SMC_WHEELS" in lines[1]
    assert len(lines[0]) <= 200
    assert outcome.output == ""  # no installer was started


@needs_root
def test_one_index_that_can_be_reached_is_enough_to_try(
    interpreter: Interpreter, installer: str, code: Path, tmp_path: Path
) -> None:
    """Inside the namespace only a server of its own is there; what it has is installed."""
    make_wheel(tmp_path / "files" / "alpha", "alpha")
    write(code, {"requirements.txt": "alpha"})
    serve = f"{sys.executable} -m http.server -b 127.0.0.1 -d {tmp_path}/files 8123 >/dev/null 2>&1 &"
    wait = f"until {sys.executable} -c 'import socket; socket.create_connection((\"127.0.0.1\", 8123))' 2>/dev/null; do :; done"
    prefix = (
        "unshare",
        "--net",
        "sh",
        "-c",
        f'ip link set lo up; {serve} {wait}; "$@"; status=$?; kill $!; exit $status',
        "sh",
    )
    variables = {"PIP_EXTRA_INDEX_URL": "http://127.0.0.1:8123", "PIP_RETRIES": "0", "UV_HTTP_RETRIES": "0"}
    outcome = interpreter.install(code, *prefix, **variables)
    assert outcome.output  # an installer was started
    if installer == "pip":  # uv insists on the main index
        assert outcome.error is None, outcome.error


def test_a_folder_that_holds_no_wheels_is_told(interpreter: Interpreter, code: Path) -> None:
    write(code, {"requirements.txt": "alpha", "wheels/notes.txt": ""})
    error = interpreter.install(code, SMC_WHEELS="wheels").error or ""
    assert error == f"variable SMC_WHEELS is wheels, but {code}/wheels is not a folder with wheels"


def test_a_proxy_is_asked_in_place_of_the_index(interpreter: Interpreter, code: Path) -> None:
    write(code, {"requirements.txt": "alpha"})
    error = interpreter.install(code, https_proxy="http://127.0.0.1:1").error or ""
    assert "cannot be reached (127.0.0.1: Connection refused)" in error


# frameworks of the image


@pytest.fixture
def image(interpreter: Interpreter, tmp_path: Path) -> Interpreter:
    """An interpreter with a PyTorch of its own, and with TensorFlow under another name."""
    interpreter.put(make_wheel(tmp_path, "torch", "2.3.1+cu121"), make_wheel(tmp_path, "tensorflow-cpu", "2.16.1"))
    return interpreter


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (
            "torch==2.4.0",
            "torch==2.4.0 would replace torch 2.3.1+cu121 of this image; ask for torch==2.3.1",
        ),
        ("torch @ https://host/torch-2.4.0-py3-none-any.whl", "would replace torch 2.3.1+cu121"),
        ("tensorflow>=2", "would replace tensorflow-cpu 2.16.1"),
    ],
)
def test_a_framework_of_the_image_is_not_replaced(image: Interpreter, code: Path, line: str, told: str) -> None:
    write(code, {"requirements.txt": f"# mine\n{line}"})
    outcome = image.install(code)
    assert (outcome.error or "").startswith("requirements.txt, line 2: ")
    assert told in (outcome.error or "")
    assert (outcome.error or "").endswith("or set SMC_ALLOW_FRAMEWORK_UPGRADE=1 if that is intended")
    assert outcome.output == ""


@pytest.mark.parametrize(
    ("line", "one"), [("needs-torch", "torch 2.3.1+cu121"), ("needs-tensorflow", "tensorflow-cpu 2.16.1")]
)
def test_nor_by_what_something_else_requires(
    image: Interpreter, installer: str, code: Path, index: str, line: str, one: str
) -> None:
    write(code, {"requirements.txt": line})
    error = image.install(code, PIP_INDEX_URL=index).error or ""
    assert "requirements.txt cannot be installed: " in error
    assert f"{one} of this image was pinned; set SMC_ALLOW_FRAMEWORK_UPGRADE=1" in error, error
    assert image.version_of("torch") == "2.3.1+cu121"


def test_what_fits_the_framework_of_the_image_is_installed(
    image: Interpreter, installer: str, code: Path, index: str
) -> None:
    write(code, {"requirements.txt": "uses-torch\ntorch==2.3.1\nnumpy"})
    outcome = image.install(code, PIP_INDEX_URL=index)
    assert outcome.error is None, outcome.error
    assert image.version_of("torch") == "2.3.1+cu121"
    assert image.version_of("uses_torch") == "1.0"
    assert image.version_of("numpy") == "2.1.0"  # the image has none, so none is replaced
    assert "was replaced" not in outcome.output


def test_numpy_is_replaced_with_a_warning(
    image: Interpreter, installer: str, code: Path, index: str, tmp_path: Path
) -> None:
    image.put(make_wheel(tmp_path, "numpy", "1.26.4"))
    write(code, {"requirements.txt": "numpy>=2"})
    outcome = image.install(code, PIP_INDEX_URL=index)
    assert outcome.error is None, outcome.error
    assert image.version_of("numpy") == "2.1.0"
    told = "numpy 1.26.4 of this image was replaced by 2.1.0"
    assert told in outcome.output


@pytest.mark.slow
def test_a_framework_is_replaced_where_that_is_meant(
    image: Interpreter, installer: str, code: Path, index: str
) -> None:
    write(code, {"requirements.txt": "torch==2.4.0"})
    assert image.install(code, PIP_INDEX_URL=index, SMC_ALLOW_FRAMEWORK_UPGRADE="1").changed
    assert image.version_of("torch") == "2.4.0"


def test_a_wheel_of_a_framework_is_refused(image: Interpreter, tmp_path: Path) -> None:
    error = image.install(make_wheel(tmp_path / "new", "torch", "2.4.0")).error or ""
    assert "would replace torch 2.3.1+cu121" in error


# where site-packages cannot be written


@pytest.fixture(params=["pip", "pip beside uv", "uv alone"])
def installers(request: pytest.FixtureRequest, interpreter: Interpreter, beside: Path) -> str:
    """What there is to install with; uv does not see what is installed outside of a virtual environment."""
    if request.param != "pip":
        interpreter.variables["PATH"] = f"{request.getfixturevalue('uv_folder')}:/usr/bin:/bin"
    if request.param == "uv alone":
        (interpreter.packages / "beside.pth").write_text(f"{beside}\n")
    return "uv" if request.param == "uv alone" else "pip"


@pytest.mark.slow
@needs_root
def test_packages_of_the_job_alone(
    interpreter: Interpreter, installers: str, code: Path, index: str, tmp_path: Path
) -> None:
    interpreter.put(
        make_wheel(tmp_path, "alpha", "1.0"),
        make_wheel(tmp_path, "torch", "2.3.1+cu121"),
        make_wheel(tmp_path, "kept", "1.0"),
    )
    write(code, {"requirements.txt": "alpha==2.0\nbeta\nuses-torch\nkept"})
    folder = interpreter.folder
    mounts = f"mount --bind {folder} {folder} && mount -o remount,bind,ro {folder}"
    read_only = ("unshare", "-m", "sh", "-c", f'{mounts} && exec "$@"', "sh")
    outcome = interpreter.install(code, *read_only, PIP_INDEX_URL=index, TMPDIR=str(tmp_path))
    assert outcome.error is None, outcome.error
    assert outcome.path_entry is not None
    assert outcome.path_entry.startswith(str(tmp_path / "smc-packages-"))
    assert outcome.summary.startswith(f"requirements.txt installed by {installers} in ")
    assert outcome.summary.endswith(f", into {outcome.path_entry}")
    assert interpreter.version_of("alpha") == "1.0"
    on_path = {"PYTHONPATH": outcome.path_entry}
    found = {name: interpreter.version_of(name, **on_path) for name in ("alpha", "beta", "uses_torch", "torch", "kept")}
    assert found == {"alpha": "2.0", "beta": "1.0", "uses_torch": "1.0", "torch": "2.3.1+cu121", "kept": "1.0"}
    assert not os.path.exists(os.path.join(outcome.path_entry, "torch"))
    assert os.path.exists(os.path.join(outcome.scripts or "", "beta"))


def test_a_python_that_the_system_manages_is_not_written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "EXTERNALLY-MANAGED").write_text("")
    monkeypatch.setattr(sysconfig, "get_path", lambda name: str(tmp_path))
    assert is_writable()  # in a virtual environment, which is the user's own
    monkeypatch.setattr(sys, "prefix", sys.base_prefix)
    assert not is_writable()
    (tmp_path / "EXTERNALLY-MANAGED").unlink()
    assert is_writable()
