"""What an author of a plugin needs to test it (extra ``smc-core[testing]``).

``pytest_plugins = ["smc_core.testing.fixtures"]`` in a ``conftest.py`` gives the fixtures; :class:`JobFolder` works
without pytest too.
"""

from smc_core.testing.job_folder import JobFolder, JobResult
from smc_core.testing.plugin_manager import PluginManager
from smc_core.testing.running import Result, Running, start, wait_until

__all__ = ["JobFolder", "JobResult", "PluginManager", "Result", "Running", "start", "wait_until"]
