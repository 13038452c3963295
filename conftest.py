"""What holds for every test of this repository. It is the house's own rule, and none for authors of plugins.

A machine may have a pip configuration with a constraint, proxies, credentials, a locale that is not UTF-8, a HOME that
cannot be written, a strict umask, the variables of a job, signals that ``nohup`` or a background shell ignores. None of
them is to decide a test. So a test sees the few variables that are listed here, an empty HOME and the defaults of pip
and uv; what it needs beyond them it sets itself.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator

import pytest

KEPT = (
    *("PATH", "LD_LIBRARY_PATH", "TMPDIR", "USER", "LOGNAME", "SHELL", "TERM", "CI", "VIRTUAL_ENV"),
    *("PYENV_ROOT", "PYENV_VERSION", "DOCKER_HOST", "DOCKER_CONTEXT"),
    *("SMC_BASE_IMAGE", "SMC_TEST_HOSTS", "SMC_TEST_STOPS", "SMC_TEST_SEED", "HYPOTHESIS_PROFILE"),
    *("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "OMP_NUM_THREADS"),
)
"""Variables that say where programs are and which engine to use. The last ones are facts about the processor."""
OWN = {
    "LC_ALL": "C.UTF-8",
    "TZ": "UTC",
    "PIP_CONFIG_FILE": os.devnull,
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    "UV_NO_CONFIG": "1",
}
_INDEX = ("PIP_", "SSL_CERT_", "REQUESTS_CA_BUNDLE", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "HOME", "XDG_CONFIG_")
"""What leads to this machine's package index. Tests that build images of whole frameworks get it in one variable."""
_HOME = pytest.StashKey[str]()


def pytest_configure(config: pytest.Config) -> None:
    """Leave the machine's settings behind, before anything of smc is imported."""
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    index = {name: text for name, text in os.environ.items() if name.upper().startswith(_INDEX)}
    home = tempfile.mkdtemp(prefix="smc-test-home-")
    config.stash[_HOME] = home
    os.environ.clear()
    os.environ.update({**kept, **OWN, "HOME": home, "XDG_CONFIG_HOME": f"{home}/.config", "XDG_CONFIG_DIRS": home})
    os.environ["SMC_TEST_INDEX"] = json.dumps(index)
    os.umask(0o022)
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove the HOME of this run."""
    shutil.rmtree(config.stash.get(_HOME, ""), ignore_errors=True)


@pytest.fixture(autouse=True)
def _nothing_leaks() -> Iterator[None]:
    """A test that leaves another environment, working folder or module path behind fails."""
    environ, folder, path = dict(os.environ), os.getcwd(), list(sys.path)
    yield
    changed = {k for k in {*environ, *os.environ} if environ.get(k) != os.environ.get(k)} - {"PYTEST_CURRENT_TEST"}
    assert not changed, f"the test changed the variables {sorted(changed)}"
    assert os.getcwd() == folder, f"the test left the working folder at {os.getcwd()}"
    assert sys.path == path, "the test changed sys.path"
