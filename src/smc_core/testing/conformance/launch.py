"""What holds for every launcher."""

from __future__ import annotations

import os
import sys
from typing import Any, ClassVar

import pytest

from smc_core.command import Command
from smc_core.contract import LAUNCHER_ENV
from smc_core.errors import ConfigurationError
from smc_core.plugins import Plugins
from smc_core.testing.conformance.plugin import OfPlugin
from smc_core.testing.job_folder import JobFolder

_ARGUMENTS = ("--epochs", "5", "--name", "a b")
_TEST = "test_a_job_that_asks_for_it_is_launched"


class LaunchTests(OfPlugin):
    """What holds for every answer to ``launch``: the job asks, and stays what it was.

    Attributes:
        launcher: what ``SMC_LAUNCHER`` is set to by a job that wants this launcher; by default the plugin's name;
            None if it answers the hook and has no launcher.
        parameter: the hyperparameter that asks for it as well, such as ``sagemaker_mpi_enabled``; None where there is
            none.
        programs: what the launcher looks for on ``PATH``, such as ``mpirun``: the tests put empty files there.
        program: the job's entry point; a launcher for programs of any kind is given a Python program as well.
    """

    launcher: ClassVar[str | None] = ""
    parameter: ClassVar[str | None] = None
    programs: ClassVar[tuple[str, ...]] = ()
    program: ClassVar[str] = "train.py"

    @pytest.fixture(autouse=True)
    def _has_its_programs(self, tmp_path_factory: pytest.TempPathFactory, _process_as_it_was: None) -> None:
        if self.programs:
            folder = tmp_path_factory.mktemp("programs")
            for name in self.programs:
                (folder / name).touch(mode=0o755)
            os.environ["PATH"] = f"{folder}:{os.environ['PATH']}"

    @property
    def _name(self) -> str:
        return self.launcher or self.plugin

    def command(self, **variables: str) -> Command:
        """What a job would run without a launcher, with these variables."""
        argv = (sys.executable, self.program, *_ARGUMENTS)
        return Command(argv, {**os.environ, "MINE": "kept", **variables}, os.getcwd(), "script")

    def _unless_it_lacks_its_framework(self, plugins: Plugins, environment: Any, command: Command) -> Command:
        """The launched command; the test is skipped where the launcher refuses for want of its framework."""
        try:
            return plugins.launch(environment, command)
        except ConfigurationError:
            self.needs_framework()
            raise

    def _launched(self, plugins: Plugins, job: JobFolder, command: Command) -> Command:
        environment = self.environment(plugins, job.base)
        return self.answer("launch", lambda: self._unless_it_lacks_its_framework(plugins, environment, command), _TEST)

    def test_a_job_that_asks_for_it_is_launched(self, job: JobFolder) -> None:
        """``SMC_LAUNCHER`` asks for it: the hook returns a Command that names the launcher, in time."""
        plugins = self.loaded()
        environment: Any = self.environment(plugins, job.base)
        command = self.command(**{LAUNCHER_ENV: self._name})
        launched = self.ask("launch", lambda: self._unless_it_lacks_its_framework(plugins, environment, command))
        assert launched is not command, f"{LAUNCHER_ENV}={self._name} is set, and launch returns None"
        assert launched.launcher == self._name, f"the Command names the launcher {launched.launcher!r}"

    def test_its_hyperparameter_asks_for_it_too(self, job: JobFolder) -> None:
        """The hyperparameter that the SageMaker SDK sets asks for it, and ``SMC_LAUNCHER=none`` wins over that."""
        if self.parameter is None:
            pytest.skip("this launcher has no hyperparameter")
        job.hyperparameters(**{self.parameter: True})
        plugins, command = self.loaded(), self.command()
        asked = self._launched(plugins, job, command)
        assert asked is not command, f"hyperparameter {self.parameter} is true, and launch returns None"
        refused = self.command(**{LAUNCHER_ENV: "none"})
        assert self._launched(plugins, job, refused) is refused, f"{LAUNCHER_ENV}=none does not win over it"

    def test_a_job_that_does_not_ask_is_left_alone(self, job: JobFolder) -> None:
        """Without a request, and where another launcher is asked for, it returns None."""
        plugins = self.loaded()
        for variables in ({}, {LAUNCHER_ENV: "none"}, {LAUNCHER_ENV: f"not-{self._name}"}):
            command = self.command(**variables)
            assert self._launched(plugins, job, command) is command, (
                f"a job with {variables or 'no request'} is launched"
            )

    def test_a_host_that_takes_no_part_is_left_alone(self, job: JobFolder) -> None:
        """A host of an instance group that does not distribute runs the command as it is."""
        groups = [
            {"instance_group_name": name, "instance_type": "ml.m5.large", "hosts": [host]}
            for name, host in (("trains", "algo-2"), ("serves", "algo-1"))
        ]
        job.hyperparameters(sagemaker_distribution_instance_groups=["trains"])
        job.hosts(
            "algo-1", "algo-2", current_group_name="serves", current_instance_type="ml.m5.large", instance_groups=groups
        )
        plugins, command = self.loaded(), self.command(**{LAUNCHER_ENV: self._name})
        assert self._launched(plugins, job, command) is command, "it is launched; ask takes_part(environment)"

    def test_the_program_keeps_its_arguments_and_variables(self, job: JobFolder) -> None:
        """What the job would run without it comes last, word for word, and its variables stay."""
        plugins, command = self.loaded(), self.command(**{LAUNCHER_ENV: self._name})
        launched = self._launched(plugins, job, command)
        words = (self.program, *_ARGUMENTS)
        assert tuple(launched.argv[-len(words) :]) == words, f"the command ends with {launched.argv[-len(words) :]}"
        assert launched.environ.get("MINE") == "kept", "variables of the job are lost; take command.under and its like"
        assert launched.cwd == command.cwd, f"the working folder becomes {launched.cwd}"
