"""Tests that every plugin should pass. A plugin inherits those for what it does, and says what they need to know.

::

    from smc_core.testing.conformance import EnvironmentTests, PluginTests, SaveModelTests

    class TestPlugin(PluginTests):
        plugin = "keras"
        framework = "keras"

    class TestEnvironment(EnvironmentTests):
        plugin = "keras"

    class TestSaveModel(SaveModelTests):
        plugin = "keras"

        def make_model(self):
            import keras
            return keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])

Every plugin inherits ``PluginTests`` and ``EnvironmentTests``, and one class more for each other hook that it answers.
Each test checks one promise, which its docstring states. Where one is broken, one test fails; those that cannot be run
without it are skipped, and name that test. Variables, ``sys.path`` and the working folder are restored after each.
"""

from smc_core.testing.conformance.environment import EnvironmentTests, JobVariablesTests
from smc_core.testing.conformance.launch import LaunchTests
from smc_core.testing.conformance.plugin import OfPlugin, PluginTests
from smc_core.testing.conformance.training import SaveModelTests, TrainTests

__all__ = [
    "EnvironmentTests",
    "JobVariablesTests",
    "LaunchTests",
    "OfPlugin",
    "PluginTests",
    "SaveModelTests",
    "TrainTests",
]
