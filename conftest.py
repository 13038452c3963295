"""What every test of this repository starts from: settings of its own, and none of the machine's.

A machine may have a pip configuration with a constraint, proxies, credentials, a locale that is not UTF-8, a HOME that
cannot be written, a strict umask. None of them is to decide a test. So a test sees the few variables that are listed
here, an empty HOME and the defaults of pip and uv; what it needs beyond them it sets itself.
"""

from __future__ import annotations

import os
import shutil
import tempfile

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
_HOME = pytest.StashKey[str]()


def pytest_configure(config: pytest.Config) -> None:
    """Leave the machine's settings behind, before anything of smc is imported."""
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    home = tempfile.mkdtemp(prefix="smc-test-home-")
    config.stash[_HOME] = home
    os.environ.clear()
    os.environ.update({**kept, **OWN, "HOME": home, "XDG_CONFIG_HOME": f"{home}/.config", "XDG_CONFIG_DIRS": home})
    os.umask(0o022)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove the HOME of this run."""
    shutil.rmtree(config.stash.get(_HOME, ""), ignore_errors=True)
