"""What tests of code and requirements need: archives, an HTTP server with faults, an index, interpreters."""

from __future__ import annotations

import contextlib
import functools
import glob
import importlib.util
import io
import json
import os
import shutil
import ssl
import subprocess
import sys
import tarfile
import threading
import venv
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

LONGER_THAN_A_TEST = 600.0
"""Seconds that something hangs in a test which shows that nobody waits for it: the test itself would time out."""


@pytest.fixture(autouse=True)
def _no_settings_of_this_machine(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Neither pip's configuration, nor proxies, nor credentials of the machine that the tests run on."""
    for name in list(os.environ):
        if name.upper().startswith(("PIP_", "UV_", "AWS_", "SMC_", "S3_")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)


@pytest.fixture
def code(tmp_path: Path) -> Path:
    """An empty code folder."""
    folder = tmp_path / "ml" / "code"
    folder.mkdir(parents=True)
    return folder


def tar_bytes(members: dict[str, bytes | str], mode: str = "w:gz") -> bytes:
    """A tar archive of files; text is a symbolic link's target."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:  # type: ignore[call-overload]
        for name, content in members.items():
            header = tarfile.TarInfo(name)
            header.mtime = 1_000_000_000
            if isinstance(content, str):
                header.type, header.linkname = tarfile.SYMTYPE, content
                archive.addfile(header)
            else:
                header.size = len(content)
                archive.addfile(header, io.BytesIO(content))
    return buffer.getvalue()


def zip_bytes(members: dict[str, bytes]) -> bytes:
    """A zip archive of files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def tree(folder: Path) -> dict[str, bytes | str]:
    """Every file and link below a folder: its content, or its target as text."""
    found: dict[str, bytes | str] = {}
    for path in sorted(folder.rglob("*")):
        if path.is_symlink():
            found[str(path.relative_to(folder))] = os.readlink(path)
        elif path.is_file():
            found[str(path.relative_to(folder))] = path.read_bytes()
    return found


@dataclass
class Request:
    """One request that a server got."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Server:
    """A real HTTP server whose answers a test decides.

    ``answers[path]`` is a list of functions, one for each request in turn; the last one stays.
    """

    url: str
    requests: list[Request] = field(default_factory=list)
    answers: dict[str, list[Callable[[BaseHTTPRequestHandler], None]]] = field(default_factory=dict)

    def serve(self, path: str, *answers: Callable[[BaseHTTPRequestHandler], None]) -> str:
        """Answer a path so; returns its URL."""
        self.answers[path] = list(answers)
        return self.url + path


def reply(
    body: bytes = b"", status: int = 200, *, length: int | None = None, keep: int | None = None, **headers: str
) -> Callable[[BaseHTTPRequestHandler], None]:
    """An answer; ``length`` is what it claims, ``keep`` how many bytes it sends before it hangs up."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(body) if length is None else length))
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        if handler.command != "HEAD":
            handler.wfile.write(body[:keep])

    return answer


@pytest.fixture
def server() -> Iterator[Server]:
    """A server on this machine, which hangs up after each answer."""
    with _running() as known:
        yield known


@pytest.fixture
def tls_server(authority: Path) -> Iterator[Server]:
    """The same over TLS, with a certificate that only ``authority`` vouches for."""
    with _running(authority) as known:
        yield known


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a certificate of this machine (``ca.pem``), which nobody trusts yet."""
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-addext", "basicConstraints=critical,CA:FALSE",
         "-keyout", folder / "key.pem", "-out", folder / "ca.pem"],
        check=True, capture_output=True,
    )  # fmt: skip
    return folder


@contextlib.contextmanager
def _running(tls: Path | None = None) -> Iterator[Server]:
    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            size = int(self.headers.get("Content-Length") or 0)
            path = self.path.partition("?")[0]
            headers = {name.lower(): value for name, value in self.headers.items()}
            known.requests.append(Request(self.command, self.path, headers, self.rfile.read(size)))
            answers = known.answers.get(path) or [reply(b"nothing here", 404)]
            (answers.pop(0) if len(answers) > 1 else answers[0])(self)

        do_GET = do_HEAD = do_POST = do_PUT = _answer  # noqa: N815

        def log_message(self, *args: Any) -> None:
            pass

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    listening.daemon_threads = True
    known = Server(f"http{'s' if tls else ''}://127.0.0.1:{listening.server_port}")
    if tls is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(tls / "ca.pem", tls / "key.pem")
        listening.socket = context.wrap_socket(listening.socket, server_side=True)
    thread = threading.Thread(target=listening.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield known
    listening.shutdown()
    listening.server_close()
    thread.join()


def make_wheel(
    folder: Path,
    name: str,
    version: str = "1.0",
    requires: Iterable[str] = (),
    *,
    code: str = "",
    scripts: dict[str, str] | None = None,
    files: dict[str, str] | None = None,
) -> Path:
    """Write a wheel whose module tells its version."""
    folder.mkdir(parents=True, exist_ok=True)
    module = name.replace("-", "_")
    info = f"{module}-{version}.dist-info"
    members = {
        f"{module}/__init__.py": f"version = {version!r}\n{code}",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        + "".join(f"Requires-Dist: {text}\n" for text in requires),
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        **(files or {}),
    }
    if scripts:
        lines = "".join(f"{script} = {target}\n" for script, target in scripts.items())
        members[f"{info}/entry_points.txt"] = f"[console_scripts]\n{lines}"
    members[f"{info}/RECORD"] = "".join(f"{member},,\n" for member in [*members, f"{info}/RECORD"])
    path = folder / f"{module}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for member, text in members.items():
            archive.writestr(member, text)
    return path


def make_index(server: Server, wheels: Iterable[Path], prefix: str = "/simple", user: str = "") -> str:
    """Publish wheels as a package index; returns its URL. With ``user:password``, it asks for them."""
    by_name: dict[str, list[Path]] = {}
    for wheel in wheels:
        by_name.setdefault(wheel.name.partition("-")[0].replace("_", "-"), []).append(wheel)
    guard = functools.partial(_guarded, user=user) if user else lambda answer: answer
    for name, files in by_name.items():
        links = "".join(f'<a href="{prefix}/files/{file.name}">{file.name}</a>\n' for file in files)
        page = f"<!DOCTYPE html><html><body>{links}</body></html>".encode()
        server.serve(f"{prefix}/{name}/", guard(reply(page, Content_Type="text/html")))
        for file in files:
            server.serve(f"{prefix}/files/{file.name}", guard(_file(file.read_bytes())))
    return server.url + prefix


def _guarded(answer: Callable[[BaseHTTPRequestHandler], None], user: str) -> Callable[[BaseHTTPRequestHandler], None]:
    import base64

    expected = "Basic " + base64.b64encode(user.encode()).decode()

    def guarded(handler: BaseHTTPRequestHandler) -> None:
        if handler.headers.get("Authorization") == expected:
            answer(handler)
        else:
            reply(b"no", 401, WWW_Authenticate='Basic realm="index"')(handler)

    return guarded


def _file(body: bytes) -> Callable[[BaseHTTPRequestHandler], None]:
    return reply(body, Content_Type="application/octet-stream")


@dataclass
class Interpreter:
    """A virtual environment in which nothing is installed, and in which the core can be imported."""

    folder: Path
    variables: dict[str, str]

    @property
    def python(self) -> str:
        return str(self.folder / "bin" / "python")

    @property
    def packages(self) -> Path:
        return Path(glob.glob(str(self.folder / "lib" / "python*" / "site-packages"))[0])

    def put(self, *wheels: Path) -> None:
        """Have wheels installed, as an image brings them."""
        for wheel in wheels:
            with zipfile.ZipFile(wheel) as archive:
                archive.extractall(self.packages)

    def run(self, program: str, *prefix: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*prefix, self.python, "-c", program],
            env={**self.variables, **variables},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def install(self, path: Path, *prefix: str, **variables: str) -> Outcome:
        """Call ``install`` in this interpreter."""
        ended = self.run(INSTALL.format(path=str(path)), *prefix, **variables)
        lines = [line for line in ended.stdout.splitlines() if line.startswith("OUTCOME")]
        assert lines, ended.stdout + ended.stderr
        return Outcome(**json.loads(lines[-1][len("OUTCOME") :]), output=ended.stderr)

    def version_of(self, name: str, **variables: str) -> str:
        """The version that a program of this interpreter imports, or the error."""
        ended = self.run(f"import {name}; print({name}.version)", **variables)
        return ended.stdout.strip() or ended.stderr.strip().splitlines()[-1]


@dataclass
class Outcome:
    """What ``install`` returned or raised."""

    output: str
    error: str | None = None
    changed: bool = False
    summary: str = ""
    path_entry: str | None = None
    scripts: str | None = None
    details: str = ""


INSTALL = """
import json, sys
from smc_core.code.needs.install import install
from smc_core.errors import CodeError
try:
    answer = install({path!r})._asdict()
except CodeError as error:
    answer = {{"error": str(error), "details": error.details}}
print("OUTCOME" + json.dumps(answer))
"""


@pytest.fixture(scope="session")
def beside(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the core imports and with pip, none of it seen as installed."""
    folder = tmp_path_factory.mktemp("beside")
    tomli = () if sys.version_info >= (3, 11) else ("tomli",)
    for name in ("packaging", "requests", "urllib3", "certifi", "idna", "charset_normalizer", "smc_core", *tomli):
        spec = importlib.util.find_spec(name)
        assert spec is not None
        assert spec.submodule_search_locations
        shutil.copytree(spec.submodule_search_locations[0], folder / name)
    bundled = Path(importlib.util.find_spec("ensurepip").origin or "").parent / "_bundled"  # type: ignore[union-attr]
    with zipfile.ZipFile(next(bundled.glob("pip-*.whl"))) as archive:
        archive.extractall(folder / "installer", [name for name in archive.namelist() if name.startswith("pip/")])
    return folder


@pytest.fixture
def interpreter(tmp_path: Path, beside: Path) -> Interpreter:
    """A fresh virtual environment with pip, and no uv on ``PATH``."""
    folder, home = tmp_path / "venv", tmp_path / "home"
    venv.EnvBuilder(symlinks=True).create(folder)
    home.mkdir()
    found = Interpreter(
        folder, {"PATH": "/usr/bin:/bin", "HOME": str(home), "PIP_CONFIG_FILE": os.devnull, "LC_ALL": "C.UTF-8"}
    )
    (found.packages / "beside.pth").write_text(f"{beside}\n{beside / 'installer'}\n")
    return found


@pytest.fixture(scope="session")
def uv_folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A folder that holds ``uv``, for ``PATH``."""
    uv = shutil.which("uv", path=os.path.dirname(sys.executable)) or shutil.which("uv")
    if uv is None:
        pytest.skip("uv is not installed")
    folder = tmp_path_factory.mktemp("uv")
    os.symlink(uv, folder / "uv")
    return str(folder)


@pytest.fixture(params=["pip", "uv"])
def installer(request: pytest.FixtureRequest, interpreter: Interpreter) -> str:
    """Both installers, each in its own run of the test."""
    if request.param == "uv":
        interpreter.variables["PATH"] = f"{request.getfixturevalue('uv_folder')}:/usr/bin:/bin"
    return str(request.param)
