"""All conformance tests in one class."""

from __future__ import annotations

import pytest

from smc_core.testing.conformance.environment import EnvironmentTests, JobVariablesTests
from smc_core.testing.conformance.launch import LaunchTests
from smc_core.testing.conformance.plugin import PluginTests
from smc_core.testing.conformance.training import SaveModelTests, TrainTests


class ConformanceTests(PluginTests, EnvironmentTests, JobVariablesTests, LaunchTests, TrainTests, SaveModelTests):
    """All of them: what holds for every plugin, and for each hook that this one answers.

    A hook that the plugin answers later is tested without a further line. Tests of hooks that it does not answer are
    skipped, unless the class says what only they need: ``make_model`` or ``launcher``.
    """

    @pytest.fixture(autouse=True)
    def _is_of_a_hook_that_it_answers(self, request: pytest.FixtureRequest, _process_as_it_was: None) -> None:
        test = request.function.__name__
        if self.launcher is None and test in vars(LaunchTests):
            pytest.skip("the plugin has no launcher")
        saves = type(self).make_model is not SaveModelTests.make_model
        for group, hook, is_declared in (
            (JobVariablesTests, "job_variables", False),
            (LaunchTests, "launch", bool(self.launcher)),
            (SaveModelTests, "save_model", saves),
        ):
            if test in vars(group) and not is_declared:
                self.answers(self.loaded(), hook)
