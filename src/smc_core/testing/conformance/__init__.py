"""Tests that every plugin should pass. A plugin inherits them, and says what they need to know.

::

    from smc_core.testing.conformance import ConformanceTests

    class TestPlugin(ConformanceTests):
        plugin = "keras"

        def make_model(self):
            import keras
            return keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])

``ConformanceTests`` has the tests of every hook, and skips those of hooks that the plugin does not answer. It consists
of one class for each group of promises, which can be inherited alone: for a second kind of model, say. ``PluginTests``
and ``EnvironmentTests`` are for every plugin, ``JobVariablesTests``, ``LaunchTests``, ``TrainTests`` and
``SaveModelTests`` for its hooks.

Each test checks one promise, which its docstring states. Where one is broken, one test fails; those that cannot be run
without it are skipped, and name that test. Variables, ``sys.path`` and the working folder are restored after each.
"""

from smc_core.testing.conformance.environment import EnvironmentTests, JobVariablesTests
from smc_core.testing.conformance.launch import LaunchTests
from smc_core.testing.conformance.plugin import OfPlugin, PluginTests
from smc_core.testing.conformance.training import SaveModelTests, TrainTests
from smc_core.testing.conformance.whole import ConformanceTests

__all__ = [
    "ConformanceTests",
    "EnvironmentTests",
    "JobVariablesTests",
    "LaunchTests",
    "OfPlugin",
    "PluginTests",
    "SaveModelTests",
    "TrainTests",
]
