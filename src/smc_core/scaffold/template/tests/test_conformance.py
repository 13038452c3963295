"""What every plugin should do. One class for each hook that this one answers."""

from smc_core.testing.conformance import (
    EnvironmentTests,
    # begin launcher
    LaunchTests,
    # end launcher
    PluginTests,
    SaveModelTests,
    TrainTests,
)

from smc_example import Model


class TestPlugin(PluginTests):
    plugin = "example"
    # begin framework
    framework = "example_framework"
    # end framework


class TestEnvironment(EnvironmentTests):
    plugin = "example"


# begin launcher
class TestLaunch(LaunchTests):
    plugin = "example"
    launcher = "example"


# end launcher
class TestTrain(TrainTests):
    plugin = "example"


class TestSaveModel(SaveModelTests):
    plugin = "example"

    def make_model(self):
        return Model({"slope": 1.0})
