"""What every plugin should do. Each test checks one promise, which its docstring states."""

from smc_core.testing.conformance import ConformanceTests

from smc_pinned import Model


class TestPlugin(ConformanceTests):
    plugin = "pinned"

    def make_model(self):
        return Model({"slope": 1.0})
