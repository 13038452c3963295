"""Which models are the plugin's, what is written, and what can be read again."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

import smc_sklearn
from smc_core.errors import PluginError
from smc_sklearn import models, plugin

pytest.importorskip("sklearn")
pytest.importorskip("skops")

import joblib
import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

X, Y = (each[:120] for each in load_breast_cancer(return_X_y=True))


class Doubler(TransformerMixin, BaseEstimator):
    """A transformer as a job's own code has it."""

    def fit(self, _x: Any, _y: Any = None) -> Doubler:
        self.factor_ = 2.0
        return self

    def transform(self, x: Any) -> Any:
        return x * self.factor_


@pytest.fixture(params=["skops", "joblib"])
def format_(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Each format, the second in an image without skops."""
    if request.param == "joblib":
        monkeypatch.setitem(sys.modules, "skops", None)
    return str(request.param)


def info(folder: Path) -> Any:
    return json.loads((folder / "model_info.json").read_text())


@pytest.mark.parametrize(
    "model",
    [
        LogisticRegression(),
        SGDClassifier().partial_fit(X, Y, classes=[0, 1]),
        RandomForestClassifier(5, random_state=0).fit(X, Y),
        HistGradientBoostingClassifier(max_iter=3).fit(X, Y),
        GridSearchCV(make_pipeline(StandardScaler(), LogisticRegression()), {"logisticregression__C": [0.1, 1]}, cv=2),
        make_pipeline(FunctionTransformer(np.log1p), StandardScaler(), LogisticRegression()).fit(X, Y),
        make_pipeline(Doubler(), StandardScaler(), LogisticRegression()).fit(X, Y),
    ],
    ids=lambda model: type(model).__name__,
)
def test_a_model_read_again_predicts_the_same(model: Any, format_: str, tmp_path: Path) -> None:
    if isinstance(model, GridSearchCV):
        model.fit(X, Y)
    assert models.save(model, str(tmp_path)) == str(tmp_path / f"model.{format_}")
    assert sorted(os.listdir(tmp_path)) == sorted([f"model.{format_}", "model_info.json"])
    read = smc_sklearn.load_model(tmp_path, trusted=info(tmp_path)["untrusted_types"], allow_pickle=format_ == "joblib")
    assert type(read) is type(model)
    if isinstance(model, LogisticRegression):
        assert read.get_params() == model.get_params()
        assert not hasattr(read, "coef_")
    else:
        np.testing.assert_array_equal(read.predict(X), model.predict(X))


def test_a_type_that_is_not_trusted_is_refused_unless_it_is_named(tmp_path: Path) -> None:
    models.save(Doubler().fit(X), str(tmp_path))
    own = f"{__name__}.Doubler"
    assert info(tmp_path)["untrusted_types"] == [own]
    with pytest.raises(TypeError) as refused:
        smc_sklearn.load_model(tmp_path)
    assert str(refused.value) == (
        f"{tmp_path}/model.skops has types that are not trusted: if you trust them, load it with trusted=['{own}']"
    )
    with pytest.raises(TypeError, match="not trusted"):
        smc_sklearn.load_model(tmp_path, trusted=["os.system"])
    assert smc_sklearn.load_model(tmp_path, trusted=[own]).factor_ == 2.0


def test_a_pickle_is_not_read_unless_that_is_allowed(tmp_path: Path) -> None:
    ran = tmp_path / "ran"

    class Trap:
        def __reduce__(self) -> Any:
            return os.mkdir, (str(ran),)

    joblib.dump(Trap(), tmp_path / "model.joblib")
    with pytest.raises(ValueError, match=r"model\.joblib is a pickle.* allow_pickle=True"):
        smc_sklearn.load_model(tmp_path)
    assert not ran.exists()
    smc_sklearn.load_model(tmp_path / "model.joblib", allow_pickle=True)
    assert ran.exists()


def test_a_lambda_is_a_clear_error_and_leaves_nothing(
    format_: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(PluginError, match=r"Pipeline cannot be saved: .*no lambda.*PicklingError: .*lambda"):
        models.save(make_pipeline(FunctionTransformer(lambda x: x), StandardScaler()), str(tmp_path))
    assert os.listdir(tmp_path) == []
    assert ("model.skops cannot be written" in capfd.readouterr().err) == (format_ == "skops")


def test_what_skops_cannot_write_is_pickled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Doubler, "__setstate__", _only_pickles, raising=False)
    assert models.save(Doubler().fit(X), str(tmp_path)) == str(tmp_path / "model.joblib")
    assert smc_sklearn.load_model(tmp_path, allow_pickle=True).factor_ == 2.0


def _only_pickles(model: Any, state: dict[str, Any]) -> None:
    if "skops" in str(sys._getframe(1).f_code.co_filename):
        raise RuntimeError("not by skops")
    vars(model).update(state)


def test_a_model_of_an_earlier_job_in_the_other_format_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    models.save(StandardScaler().fit(X), str(tmp_path))
    monkeypatch.setitem(sys.modules, "skops", None)
    models.save(StandardScaler().fit(X), str(tmp_path))
    assert sorted(os.listdir(tmp_path)) == ["model.joblib", "model_info.json"]


def test_the_names_of_features_are_written_where_they_are_known(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X[:, :2], columns=["radius", "texture"])
    models.save(make_pipeline(StandardScaler(), LogisticRegression()).fit(frame, Y), str(tmp_path))
    found = info(tmp_path)
    assert found["class"] == "sklearn.pipeline.Pipeline"
    assert found["feature_names_in"] == found["feature_names_out"] == ["radius", "texture"]
    assert set(found["versions"]) == {"python", "scikit-learn", "numpy", "skops"}
    models.save(LogisticRegression(), str(tmp_path))
    assert (info(tmp_path)["feature_names_in"], info(tmp_path)["feature_names_out"]) == (None, None)


def test_a_file_that_cannot_be_read_says_what_it_was_saved_with(tmp_path: Path) -> None:
    models.save(StandardScaler(), str(tmp_path))
    (tmp_path / "model.skops").write_bytes(b"broken")
    with pytest.raises(ValueError, match=r"model\.skops, saved with python 3.*, cannot be read: BadZipFile"):
        smc_sklearn.load_model(tmp_path)
    (tmp_path / "model_info.json").write_text("[]")
    with pytest.raises(ValueError, match=r"model\.skops cannot be read: BadZipFile"):
        smc_sklearn.load_model(tmp_path / "model.skops")


def test_a_folder_without_a_model_says_so(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"there is no scikit-learn model at .*/model\.skops"):
        smc_sklearn.load_model(tmp_path)


def test_what_can_be_pickled_of_an_estimator_is_kept(tmp_path: Path) -> None:
    model = make_pipeline(FunctionTransformer(lambda x: x), StandardScaler().fit(X))
    kept = joblib.load(plugin.keep_model(model, str(tmp_path / "unsaved")))
    assert "lambda" in kept["functiontransformer"]["func"]
    np.testing.assert_array_equal(kept["standardscaler"].mean_, model[-1].mean_)
    assert plugin.keep_model({"weights": 1}, str(tmp_path / "other")) is None


def test_the_wrapper_of_another_framework_is_left_to_its_plugin() -> None:
    of_xgboost = type("XGBClassifier", (LogisticRegression,), {"__module__": "xgboost.sklearn"})
    users_own = type("Mine", (of_xgboost,), {"__module__": "train"})
    assert [plugin.is_own(each()) for each in (of_xgboost, users_own)] == [False, False]
    assert plugin.is_own(type("Mine", (LogisticRegression,), {"__module__": "train"})())
    assert not plugin.is_own(LogisticRegression)
