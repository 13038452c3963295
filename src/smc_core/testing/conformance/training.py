"""What holds for what a plugin does in function mode: around training, and with the model."""

from __future__ import annotations

import os
import sys
from types import ModuleType
from typing import Any

from smc_core.hookspecs import TrainResult
from smc_core.plugins import Installed, Plugins
from smc_core.plugins.calls import Calls
from smc_core.plugins.manager import Manager
from smc_core.plugins.patience import Patience
from smc_core.testing.conformance.plugin import OfPlugin
from smc_core.testing.job_folder import JobFolder

_MODULE = "code_of_a_conformance_test"
_TRAIN = "test_what_train_returns_comes_through"
_SAVE = "test_a_model_of_its_framework_is_saved_below_the_model_folder"


class TrainTests(OfPlugin):
    """What holds for ``load_user_module`` and ``train``: the user's code is called, and what it does stays its own."""

    def test_the_users_module_is_loaded(self, job: JobFolder) -> None:
        """The job's own module is what ``load_user_module`` returns, in time; wrappers yield once and return it."""
        plugins = self.loaded()
        self.answers(plugins, "load_user_module")
        job.hyperparameters(sagemaker_program=f"{_MODULE}.py").code_files({f"{_MODULE}.py": "def train(): pass\n"})
        environment = self.environment(plugins, job.base)
        try:
            module = self.ask("load_user_module", lambda: plugins.hook.load_user_module(environment=environment))
        finally:
            sys.modules.pop(_MODULE, None)
        assert callable(getattr(module, "train", None)), f"{module!r} is not the user's module"

    def test_what_train_returns_comes_through(self, job: JobFolder) -> None:
        """The user's ``train`` is called once, and its model returned, in time; wrappers yield once."""
        plugins, model, calls = self.loaded(), object(), []
        environment = self.environment(plugins, job.base)

        def train() -> object:
            calls.append(1)
            return model

        result = self.ask("train", lambda: plugins.hook.train(environment=environment, module=_module(train)))
        assert len(calls) == 1, f"the user's train() was called {len(calls)} times"
        assert result.model is model, f"the user's train() returned {model!r}, and the hook {result.model!r}"

    def test_a_train_that_returns_nothing_is_none_the_worse(self, job: JobFolder) -> None:
        """A ``train`` that saves by itself returns None: the result is a TrainResult without a model."""
        plugins = self.loaded()
        environment = self.environment(plugins, job.base)
        module = _module(lambda: None)
        result = self.answer("train", lambda: plugins.hook.train(environment=environment, module=module), _TRAIN)
        assert result == TrainResult(None), f"the user's train() returned None, and the hook {result!r}"

    def test_an_exception_of_the_users_stays_the_cause(self, job: JobFolder) -> None:
        """What the user's ``train`` raises is what the job fails with: a wrapper neither swallows nor replaces it."""
        plugins, error = self.loaded(), ValueError("raised by the user's train()")
        environment = self.environment(plugins, job.base)
        call = lambda: plugins.hook.train(environment=environment, module=_module(lambda: None))  # noqa: E731
        self.answer("train", call, _TRAIN)

        def train() -> None:
            raise error

        manager = Manager(Patience({}), _Unchecked)
        manager.register(plugins.manager.get_plugin(self.plugin), self.plugin)
        try:
            result = manager.calls.train(environment=environment, module=_module(train))
        except BaseException as raised:  # noqa: BLE001 - whatever it is, it is compared
            assert raised is error, f"the user's train() raised {error!r}, and the plugin {raised!r}"  # noqa: PT017
        else:
            raise AssertionError(f"the user's train() raised {error!r}, and the plugin returned {result!r}")


class SaveModelTests(OfPlugin):
    """What holds for ``save_model`` and ``keep_model``. A subclass says what a model of the framework is.

    Where the framework that ``FRAMEWORK`` names is not installed, they are skipped.
    """

    def make_model(self) -> Any:
        """Return a small model of the framework; the tests save it."""
        raise NotImplementedError("define make_model(self): it returns a small model, which the tests save")

    def model(self) -> Any:
        """What :meth:`make_model` returns; the test is skipped where the framework is not installed."""
        self.needs_framework()
        return self.make_model()

    def _asked(self, plugins: Plugins, hook: str) -> Any:
        others = [each for each in plugins.manager.get_plugins() if plugins.manager.get_name(each) != self.plugin]
        return plugins.manager.subset_hook_caller(hook, others)

    def _saved(self, plugins: Plugins, job: JobFolder, model: Any, **fields: Any) -> str | None:
        environment = self.environment(plugins, job.base).extend(**fields)
        save = self._asked(plugins, "save_model")
        path: str | None = self.answer(
            "save_model", lambda: save(environment=environment, module=_module(), model=model), _SAVE
        )
        return path

    def test_a_model_of_its_framework_is_saved_below_the_model_folder(self, job: JobFolder) -> None:
        """The primary process writes a model of the framework below ``model_dir``, and returns the path, in time."""
        plugins, model = self.loaded(), self.model()
        environment, save = self.environment(plugins, job.base), self._asked(plugins, "save_model")
        path = self.ask("save_model", lambda: save(environment=environment, module=_module(), model=model))
        written = ", ".join(os.listdir(job.base / "model"))
        hint = f"; it wrote {written}: return the path of that" if written else ""
        assert path is not None, (
            f"save_model returns None for {type(model).__name__}, which make_model() returned{hint}"
        )
        assert os.path.exists(path), f"save_model returns {path}, and nothing is there"
        folder = str(job.base / "model")
        assert os.path.commonpath([path, folder]) == folder, f"save_model writes {path}, not below {folder}"

    def test_another_model_is_left_to_the_others(self, job: JobFolder) -> None:
        """A model of another framework is left alone: the hook returns None, and writes nothing."""
        plugins = self.loaded()
        for other in (object(), "text", {"weights": [1.0]}, [1], 3.5):
            path = self._saved(plugins, job, other)
            assert path is None, f"save_model saves {other!r} as {path}; return None for what is not yours"
        written = os.listdir(job.base / "model")
        assert not written, f"save_model returned None, and wrote {', '.join(written)}"

    def test_only_the_primary_writes(self, job: JobFolder) -> None:
        """Every process of the job is asked, and those that are not primary write nothing."""
        self._saved(self.loaded(), job, self.model(), is_primary=False)
        written = os.listdir(job.base / "model")
        assert not written, f"is_primary is false, and save_model wrote {', '.join(written)}"

    def test_a_model_that_could_not_be_saved_is_kept(self, job: JobFolder) -> None:
        """Where ``save_model`` has failed, ``keep_model`` writes to the place that it is given, or returns None."""
        plugins, model = self.loaded(), self.model()
        self.answers(plugins, "keep_model")
        environment, keep = self.environment(plugins, job.base), self._asked(plugins, "keep_model")
        place = os.path.join(environment.output_data_dir, "model")
        path = self.ask("keep_model", lambda: keep(environment=environment, model=model, path=place))
        if path is not None:
            assert os.path.exists(path), f"keep_model returns {path}, and nothing is there"
            assert os.fspath(path).startswith(place), f"keep_model writes {path}, not the given {place} with a suffix"


def _module(train: Any = None) -> ModuleType:
    module = ModuleType("train")
    if train is not None:
        module.train = train  # type: ignore[attr-defined]
    return module


class _Unchecked(Calls):
    """Calls hooks without the core's checks, which put right what wrappers do with exceptions."""

    def check_calls_of(self, plugin: Installed, loaded: object) -> None:
        """Leave the plugin's functions as they are."""
