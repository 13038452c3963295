"""Both installers get the same settings; whether an index can be reached is known within seconds."""

from __future__ import annotations

import os
import shutil
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.code.conftest import LONGER_THAN_A_TEST

from smc_core.code.needs import reach
from smc_core.code.needs.index import Index, find_index, pip_settings
from smc_core.code.needs.installer import Installer
from smc_core.code.needs.reach import unreachable


def test_uv_gets_what_pip_is_told(tmp_path: Path) -> None:
    (tmp_path / "pip.conf").write_text(
        "[global]\nindex-url = https://one/simple\ntimeout = 7\n"
        "extra-index-url =\n    https://two/simple\n    https://three/simple\n"
        "[install]\nindex-url = https://four/simple\nfind-links = /a /b\ntrusted-host = one two\n"
        "[freeze]\ntimeout = 99\n"
    )
    settings = pip_settings(
        {
            "XDG_CONFIG_DIRS": str(tmp_path),
            "PIP_CONFIG_FILE": str(tmp_path / "pip.conf"),
            "PIP_PRE": "1",
            "PIP_CERT": "/ca.pem",
        }
    )
    assert Index(None, settings, settings["index-url"]).uv_variables({"UV_HTTP_TIMEOUT": "3"}) == {
        "UV_DEFAULT_INDEX": "https://four/simple",
        "UV_INDEX": "https://two/simple https://three/simple",
        "UV_INDEX_STRATEGY": "unsafe-best-match",
        "UV_FIND_LINKS": "/a,/b",
        "UV_INSECURE_HOST": "one two",
        "UV_PRERELEASE": "allow",
        "SSL_CERT_FILE": "/ca.pem",
    }


def test_variables_count_before_files(tmp_path: Path) -> None:
    (tmp_path / "pip.conf").write_text("[install]\nindex-url = https://file/simple\n")
    environ = {"PIP_CONFIG_FILE": str(tmp_path / "pip.conf"), "PIP_INDEX_URL": "https://variable/simple"}
    assert find_index(str(tmp_path), environ).url == "https://variable/simple"


def test_settings_of_uv_itself_stay() -> None:
    index = Index(None, {}, "https://pip/simple")
    for name in ("UV_DEFAULT_INDEX", "UV_INDEX_URL"):
        assert index.uv_variables({name: "https://uv/simple"}) == {"UV_INDEX_STRATEGY": "unsafe-best-match"}


def test_the_bundle_of_requests_is_given_to_uv(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("")
    found = Index().uv_variables({"REQUESTS_CA_BUNDLE": str(tmp_path / "ca.pem")})
    assert found["SSL_CERT_FILE"] == str(tmp_path / "ca.pem")


def test_secrets_are_known_in_every_spelling() -> None:
    index = Index(None, {"extra-index-url": "https://token-alone@two/x"}, "https://user:p%2Bss@host/simple")
    assert set(index.secrets) == {"p%2Bss", "p+ss", "token-alone"}


def test_the_indexes_that_will_be_asked_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    pip = Installer("pip", (sys.executable, "-m", "pip"), sys.executable)
    uv = Installer("uv", ("uv", "pip"), sys.executable)
    index = Index(None, {"extra-index-url": "https://two/x\nhttps://three/x"}, "https://one/x")
    assert (
        pip.index_urls(index, {}) == uv.index_urls(index, {}) == ["https://one/x", "https://two/x", "https://three/x"]
    )
    own = {"UV_DEFAULT_INDEX": "mine=https://four/x", "UV_INDEX": "a=https://five/x https://six/x"}
    assert uv.index_urls(index, own) == ["https://four/x", "https://five/x", "https://six/x"]


@pytest.mark.parametrize("command", [(sys.executable, "-m", "pip"), ("uv", "pip")], ids=["pip", "uv"])
def test_the_index_that_an_installer_takes_by_itself_is_known(command: tuple[str, ...]) -> None:
    if shutil.which(command[0], path=f"{os.path.dirname(sys.executable)}:{os.environ['PATH']}") is None:
        pytest.skip("uv is not installed")
    environ = {**os.environ, "PATH": f"{os.path.dirname(sys.executable)}:{os.environ['PATH']}", "COLUMNS": "60"}
    found = shutil.which(command[0], path=environ["PATH"]) or ""
    urls = Installer("uv" if "uv" in command else "pip", (found, *command[1:]), "").index_urls(Index(), environ)
    assert [url.startswith("https://") for url in urls] == [True]


def test_an_index_is_switched_off() -> None:
    assert Index(None, {"no-index": "true"}).arguments() == ["--no-index"]
    assert Index("/w").arguments() == ["--no-index", "--find-links", "/w"]
    assert Index().arguments() == []


@pytest.fixture
def listening() -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/simple"


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reach, "PAUSE_SECONDS", 0.01)


def test_a_server_that_listens_is_reached(listening: str) -> None:
    assert unreachable(listening, {}) is None


@pytest.mark.parametrize("url", ["file:///opt/index", "/opt/index", "git+ssh://host/x"])
def test_what_is_no_server_counts_as_reached(url: str) -> None:
    assert unreachable(url, {}) is None


def test_a_server_that_refuses_is_not_reached() -> None:
    assert unreachable("https://user:secret@127.0.0.1:1/simple", {}) == "127.0.0.1: Connection refused"


def test_a_proxy_is_reached_in_its_place(listening: str) -> None:
    proxy = listening.removesuffix("/simple")
    for name in ("https_proxy", "HTTPS_PROXY", "all_proxy"):
        assert unreachable("https://127.0.0.1:1/simple", {name: proxy}) is None
        assert unreachable("https://127.0.0.1:1/simple", {name: proxy.removeprefix("http://")}) is None
        assert unreachable("https://127.0.0.1:1/simple", {name: proxy, "no_proxy": "127.0.0.1"}) is not None


def test_a_resolver_that_hangs_does_not_hold_the_job(monkeypatch: pytest.MonkeyPatch) -> None:
    stuck = threading.Event()

    def hang(*args: object) -> list[object]:
        stuck.wait(LONGER_THAN_A_TEST)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    monkeypatch.setattr(reach, "SECONDS", 0.1)
    assert unreachable("https://index.example/simple", {}) == "index.example: no answer"
    stuck.set()
