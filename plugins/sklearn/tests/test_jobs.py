"""Jobs from end to end: their models in a fresh process."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from smc_core.testing import JobFolder
from smc_core.testing.fixtures import RunPython

pytest.importorskip("sklearn")
pytest.importorskip("skops")

EXAMPLE = Path(__file__).parents[3] / "examples" / "sklearn_digits"
DIGITS = EXAMPLE.parent / "digits"
TRAIN = """
import sys
import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

class Clip(TransformerMixin, BaseEstimator):
    def fit(self, x, y=None):
        self.top_ = np.quantile(x, 0.99, axis=0)
        return self

    def transform(self, x):
        return np.minimum(x, self.top_)

def train(output_data_dir, with_skops: bool, first):
    if not with_skops:
        sys.modules["skops"] = None  # as in an image without it
    x, y = load_breast_cancer(return_X_y=True)
    steps = {"clip": Clip(), "lambda": FunctionTransformer(lambda x: x)}
    model = make_pipeline(steps[str(first)], StandardScaler(), LogisticRegression()).fit(x, y)
    np.save(output_data_dir + "/expected.npy", model.predict_proba(x))
    return model
"""
READ = """
import sys
import numpy as np
import smc_core as smc
from sklearn.datasets import load_breast_cancer
base = sys.argv[1]
sys.path.insert(0, base + "/code")
model = smc.sklearn.load_model(base + "/model", trusted=["train.Clip"], allow_pickle=sys.argv[2] == "joblib")
x, y = load_breast_cancer(return_X_y=True)
assert np.array_equal(model.predict_proba(x), np.load(base + "/output/data/expected.npy"))
print(model.score(x, y))
"""


@pytest.mark.parametrize("format_", ["skops", "joblib"])
def test_the_model_of_a_job_predicts_the_same_elsewhere(job: JobFolder, run_python: RunPython, format_: str) -> None:
    job.code(train_py=TRAIN).hyperparameters(with_skops=format_ == "skops", first="clip")
    result = job.run("train.py")
    assert result.exit_code == 0, result.stderr
    assert f"smc: model saved: {job.base}/model/model.{format_}" in result.stderr
    assert float(run_python(READ, str(job.base), format_).stdout) > 0.95


def test_a_model_with_a_lambda_fails_the_job_and_is_kept_in_parts(job: JobFolder, run_python: RunPython) -> None:
    job.code(train_py=TRAIN).hyperparameters(with_skops=True, first="lambda")
    result = job.run("train.py")
    kept = job.base / "output/data/unsaved-model.joblib"
    assert result.exit_code == 3, result.stderr
    assert result.first_line.startswith("PluginError: Pipeline cannot be saved: give it functions and classes that a ")
    assert f"kept: {kept}" in str(result.failure)[:1024]
    code = "import joblib, sys; print(joblib.load(sys.argv[1])['logisticregression'].coef_.shape)"
    assert run_python(code, str(kept)).stdout == "(1, 30)\n"


def test_the_example_learns_the_digits(job: JobFolder) -> None:
    def run_program(program: Path) -> str:
        command = [sys.executable, str(program), str(job.base)]
        done = subprocess.run(command, env=job.environ(), capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    run_program(DIGITS / "prepare_data.py")
    result = job.run("train.py", SAGEMAKER_SUBMIT_DIRECTORY=str(EXAMPLE))
    assert result.exit_code == 0, result.stderr
    found = re.search(r"accuracy: (\S+) on 360 digits", run_program(EXAMPLE / "evaluate.py"))
    assert found is not None
    assert float(found[1]) >= 0.95
