"""What holds for what a plugin does before the job's command: its Environment, and its variables."""

from __future__ import annotations

import os
from typing import Any

from smc_core.plugins import Plugins
from smc_core.testing.conformance.plugin import OfPlugin
from smc_core.testing.job_folder import JobFolder
from smc_core.variables import Variable, process_environ

_HOSTS = ("algo-1", "algo-2")


class EnvironmentTests(OfPlugin):
    """What holds for ``create_environment``: it is safe to have the plugin installed, whatever the job is."""

    def test_it_creates_an_environment(self, job: JobFolder) -> None:
        """A job without any input gets an Environment, in time; wrappers yield once and return one."""
        plugins = self.loaded()
        environment = self.ask("create_environment", lambda: plugins.create_environment(str(job.base)))
        assert environment.base_dir == str(job.base), f"its base_dir is {environment.base_dir!r}, not that of the job"

    def test_it_keeps_what_the_job_says(self, job: JobFolder) -> None:
        """It adds to the Environment, and loses neither hyperparameters nor channels."""
        job.hyperparameters(epochs=3).channel("training")
        environment = self.environment(self.loaded(), job.base)
        assert environment.hps.get("epochs") is not None, "the hyperparameter epochs is lost; use environment.extend()"
        assert "training" in environment.channel_dirs, "the channel training is lost; use environment.extend()"

    def test_every_host_gets_one(self, job: JobFolder) -> None:
        """Each of several hosts gets an Environment, which knows all of them and its own name."""
        plugins = self.loaded()
        for current in _HOSTS:
            environment = self.environment(plugins, job.hosts(*_HOSTS, current=current).base)
            assert environment.current_host == current, f"on {current}, current_host is {environment.current_host!r}"
            assert list(environment.hosts) == list(_HOSTS), f"on {current}, hosts is {environment.hosts!r}"


class JobVariablesTests(OfPlugin):
    """What holds for every answer to ``job_variables``."""

    def test_they_are_names_and_texts(self, job: JobFolder) -> None:
        """It returns a mapping of names to texts, or None, in time."""
        plugins = self.loaded()
        environment = self.environment(plugins, job.base)
        self.ask("job_variables", lambda: _variables(plugins, environment))

    def test_each_of_several_hosts_gets_its_own(self, job: JobFolder) -> None:
        """It has an answer on every host of a job."""
        plugins = self.loaded()
        for current in _HOSTS:
            environment = self.environment(plugins, job.hosts(*_HOSTS, current=current).base)
            self.answer("job_variables", lambda env=environment: _variables(plugins, env), _TEXTS)  # type: ignore[misc]

    def test_it_sets_none_itself(self, job: JobFolder) -> None:
        """It returns variables, so that ``smc plan`` shows whose they are; this process's own it leaves alone."""
        plugins = self.loaded()
        environment = self.environment(plugins, job.base)
        before = dict(os.environ)
        self.answer("job_variables", lambda: _variables(plugins, environment), _TEXTS)
        changed = sorted(name for name in {*before, *os.environ} if before.get(name) != os.environ.get(name))
        assert not changed, f"job_variables changes {', '.join(changed)} of this process; return them instead"


_TEXTS = "test_they_are_names_and_texts"


def _variables(plugins: Plugins, environment: Any) -> list[Variable]:
    given = dict(os.environ)
    environ, _ = process_environ(environment, given)
    return plugins.job_variables(environment, environ, given)
