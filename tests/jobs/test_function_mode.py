"""Function mode: the user's module is loaded, its train() called, its model saved."""

import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from smc_core.testing import JobFolder

MODEL = """
import pickle
class Model:
    def __init__(self, weights): self.weights = weights
    def save(self, path):
        with open(path, "wb") as file:
            pickle.dump(self.weights, file)
"""


def test_the_seeds_customer_function(job: JobFolder) -> None:
    job.channel("training", {"data.txt": "1 2 3"})
    job.hyperparameters(training_data_file="data.txt")
    job.code(
        train_py=MODEL + "import os\n"
        "def train(training_dir, hyperparameters):\n"
        "    text = open(os.path.join(training_dir, hyperparameters['training_data_file'])).read()\n"
        "    return Model([int(word) for word in text.split()])\n"
    )
    ended = job.run("train.py")
    assert ended.exit_code == 0, ended.stderr
    assert ended.success
    assert ended.failure is None
    assert pickle.loads((job.base / "model/saved_model").read_bytes()) == [1, 2, 3]
    assert "function mode: train.py (it defines train())" in ended.stderr


def test_a_train_that_returns_nothing_saved_by_itself(job: JobFolder) -> None:
    job.code(train_py="def train(model_dir):\n    open(model_dir + '/own', 'w').close()\n")
    assert job.run("train.py").exit_code == 0
    assert (job.base / "model/own").exists()


def test_the_users_save_is_called_with_model_and_folder(job: JobFolder) -> None:
    job.code(
        train_py="def train():\n    return 'weights'\n"
        "def save(model, model_dir):\n    open(model_dir + '/w', 'w').write(model)\n"
    )
    assert job.run("train.py").exit_code == 0
    assert (job.base / "model/w").read_text() == "weights"


@pytest.mark.parametrize(
    ("save", "said"),
    [
        (
            "def save(self, path):\n        open('elsewhere', 'w').close()",
            "warning: no model saved: there is nothing at {}/saved_model",
        ),
        ("def save(self, path):\n        open(path + '.npz', 'w').close()", "model saved: {}/saved_model.npz"),
        ("def save(self, path):\n        open(path, 'w').close()", "model saved: {}/saved_model"),
        ("pass\n\ndef save(model, model_dir): pass", "warning: no model saved: the folder {} is empty after saving"),
    ],
)
def test_a_model_is_said_to_be_saved_where_it_is(job: JobFolder, save: str, said: str) -> None:
    ended = job.code(train_py=f"class Model:\n    {save}\ndef train():\n    return Model()\n").run("train.py")
    assert ended.exit_code == 0, ended.stderr
    (line,) = [line for line in ended.stderr.splitlines() if "model saved" in line]
    assert line.startswith(f"smc: {said.format(job.base / 'model')}")


def test_it_sees_what_a_script_sees(job: JobFolder) -> None:
    job.code_files({"lib/helper.py": "NAME = 'helper'\n"})
    job.raw_hyperparameters({"lr": "0.10"})
    job.code(
        train_py="import os, sys\nfrom lib.helper import NAME\n"
        "def train():\n    print(NAME, os.getcwd() == os.environ['SM_SOURCE_DIR'], sys.argv[1:], os.environ['SM_HP_LR'])\n"
    )
    assert job.run("train.py").stdout == "helper True ['--lr', '0.10'] 0.10\n"


def test_modules_packages_and_files_with_odd_names(job: JobFolder) -> None:
    source = "def train(environment):\n    print(__name__, environment.user_entry_point)\n"
    job.code_files({"pkg/__init__.py": "", "pkg/train.py": source, "my-train.py": source})
    assert job.run("pkg/train.py").stdout == "pkg.train pkg/train.py\n"
    assert job.run("pkg.train").stdout == "pkg.train pkg.train\n"
    assert job.run("my-train.py").stdout == "my-train my-train.py\n"
    assert job.run(None, ["-m", "pkg.train"]).stdout == "pkg.train pkg.train\n"


def test_a_path_takes_the_place_of_the_entry_point(job: JobFolder, tmp_path: Path) -> None:
    job.code(train_py="raise SystemExit(9)")
    other = tmp_path / "other.py"
    other.write_text("def train(job_name):\n    print('other', job_name)\n")
    ended = job.run("train.py", [str(other)], TRAINING_JOB_NAME="j")
    assert (ended.exit_code, ended.stdout) == (0, "other j\n"), ended.stderr


def test_a_parameter_that_nobody_gives(job: JobFolder) -> None:
    job.code(train_py="def train(epoch, lr: float):\n    print('begun')\n").raw_hyperparameters(
        {"epochs": "5", "lr": "x"}
    )
    ended = job.run("train.py")
    assert (ended.exit_code, ended.stdout) == (2, "")
    assert ended.failure is not None
    message = (
        "train() (train.py:1) cannot be called: nothing provides 'epoch' (did you mean 'epochs'?); 'lr': hyperparameter"
    )
    assert message in ended.failure
    assert not ended.success


def test_an_exception_of_the_users(job: JobFolder) -> None:
    job.code(train_py="def load():\n    raise ValueError('bad data in column 7')\ndef train():\n    load()\n")
    ended = job.run("train.py")
    assert ended.exit_code == 1
    assert ended.failure is not None
    assert ended.failure.splitlines()[0] == "ValueError: bad data in column 7 (train.py:2, in load)"
    assert "line 4, in train" in ended.stderr
    assert "smc_core" not in ended.stderr.replace("smc-core", "")


def test_an_exception_that_is_no_exception_class(job: JobFolder) -> None:
    job.code(train_py="import asyncio\ndef train():\n    raise asyncio.CancelledError('gave up')\n")
    ended = job.run("train.py")
    assert ended.exit_code == 1
    assert "CancelledError: gave up (train.py:3, in train)" in (ended.failure or "").splitlines()[0]


def test_exit_codes_of_the_users_are_kept(job: JobFolder) -> None:
    job.code(train_py="import sys\ndef train():\n    sys.exit(37)\n")
    assert job.run("train.py").exit_code == 37


def test_an_import_error_of_the_users_module(job: JobFolder) -> None:
    job.code(train_py="import not_there_at_all\ndef train(): ...\n")
    ended = job.run("train.py")
    assert ended.exit_code == 1
    assert "ModuleNotFoundError: No module named 'not_there_at_all'" in (ended.failure or "")


def test_a_framework_function_under_the_runner(job: JobFolder, tmp_path: Path) -> None:
    """``python -m smc_core.runner keras_container.start`` with the seed's framework example."""
    job.code(train_py="def train(epochs: int):\n    return Model(epochs)\n" + MODEL).hyperparameters(epochs=2)
    package = tmp_path / "site/keras_container"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "start.py").write_text(
        "import os\nimport smc_core as smc\n"
        "def keras_framework_training_fn():\n"
        "    env = smc.Environment.create()\n"
        "    mod = smc.modules.download_and_import(env.module_dir, env.module_name)\n"
        "    model = smc.functions.call(mod.train, environment=env)\n"
        "    if model:\n"
        "        if hasattr(mod, 'save'):\n"
        "            mod.save(model, env.model_dir)\n"
        "        else:\n"
        "            model.save(os.path.join(env.model_dir, 'saved_model'))\n"
        "if __name__ == '__main__':\n"
        "    keras_framework_training_fn()\n"
    )
    environ = job.environ("train.py", PYTHONPATH=str(package.parent))
    for target in ("keras_container.start", "keras_container.start:keras_framework_training_fn"):
        (job.base / "model/saved_model").unlink(missing_ok=True)
        command = [sys.executable, "-m", "smc_core.runner", target]
        ended = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
        assert ended.returncode == 0, ended.stderr
        assert pickle.loads((job.base / "model/saved_model").read_bytes()) == 2
        assert (job.base / "output/success").exists()
    classic = job.run("train.py", PYTHONPATH=str(package.parent), SAGEMAKER_TRAINING_MODULE=target)
    assert classic.exit_code == 0, classic.stderr


@pytest.mark.parametrize(
    "target", ["nothere.training:main", "nothere.training", "json.nothere.main", "json.nothere:main"]
)
def test_a_framework_that_is_not_there(job: JobFolder, target: str) -> None:
    job.code(train_py="")
    ended = job.run("train.py", SAGEMAKER_TRAINING_MODULE=target)
    absent = "json.nothere" if target.startswith("json") else "nothere"
    assert ended.exit_code == 4, ended.stderr
    assert (ended.failure or "").startswith(
        f"CodeError: '{target}' cannot be imported: there is no module '{absent}'; "
    )
    assert "Traceback" not in ended.stderr
    plan = [sys.executable, "-m", "smc_core", "plan"]
    environ = job.environ("train.py", SAGEMAKER_TRAINING_MODULE=target)
    planned = subprocess.run(plan, env=environ, capture_output=True, text=True, check=True).stdout
    assert planned.startswith(f"entry point      {target}  (variable SAGEMAKER_TRAINING_MODULE)\n")


def test_an_import_in_a_framework_that_fails_is_its_own_error(job: JobFolder, tmp_path: Path) -> None:
    job.code(train_py="")
    (tmp_path / "loom.py").write_text("import not_there_at_all\n")
    ended = job.run("train.py", SAGEMAKER_TRAINING_MODULE="loom:main", PYTHONPATH=str(tmp_path))
    assert ended.exit_code == 1
    assert (ended.failure or "").startswith("ModuleNotFoundError: No module named 'not_there_at_all' (")


def test_async_functions_run_to_their_end(job: JobFolder) -> None:
    job.code(
        train_py="import asyncio\n"
        "async def train(lr: float):\n    await asyncio.sleep(0)\n    return lr\n"
        "async def save(model, model_dir):\n    await asyncio.sleep(0)\n    open(model_dir + '/w', 'w').write(str(model))\n"
    ).hyperparameters(lr=0.5)
    ended = job.run("train.py")
    assert (ended.exit_code, ended.success) == (0, True), ended.stderr
    assert "RuntimeWarning" not in ended.stderr
    assert (job.base / "model/w").read_text() == "0.5"


def test_an_exception_in_an_async_function_is_the_users(job: JobFolder) -> None:
    job.code(train_py="async def load():\n    raise ValueError('no data')\nasync def train():\n    await load()\n")
    ended = job.run("train.py")
    assert ended.exit_code == 1
    assert (ended.failure or "").splitlines()[0] == "ValueError: no data (train.py:2, in load)"
    assert "smc_core" not in ended.stderr.replace("smc-core", "")


def test_a_generator_is_refused_rather_than_dropped(job: JobFolder) -> None:
    job.code(train_py="def train():\n    yield 1\n")
    ended = job.run("train.py")
    assert ended.exit_code == 2
    assert "train.train() is a generator, so calling it runs none of its code" in (ended.failure or "")


def test_the_root_logger_is_the_users_and_smc_logs_beside_it(job: JobFolder) -> None:
    job.code(
        train_py="import logging\n"
        "def train():\n"
        "    root = logging.getLogger()\n"
        "    print(root.level, len(root.handlers))\n"
        "    logging.getLogger('jax').info('Unable to initialize backend')\n"
        "    logging.getLogger('smc.metrics').info('of smc')\n"
        "    logging.basicConfig(level='INFO', format='mine: %(message)s', force=False)\n"
        "    logging.getLogger('jax').info('asked for')\n"
        "    logging.getLogger('smc.metrics').info('once')\n"
    )
    ended = job.run("train.py")
    assert ended.stdout == "30 0\n", ended.stderr
    assert "Unable" not in ended.stderr
    assert "INFO smc.metrics: of smc\n" in ended.stderr
    assert "mine: asked for\n" in ended.stderr
    assert ended.stderr.count("once") == 1
    quiet = job.run("train.py", SAGEMAKER_CONTAINER_LOG_LEVEL="WARNING")
    assert "of smc" not in quiet.stderr


def test_train_is_checked_before_its_module_runs_by_run_and_by_plan(job: JobFolder) -> None:
    job.code(train_py="print('the module has run')\ndef train(epoch, lr: float): ...\n")
    job.raw_hyperparameters({"epochs": "5", "lr": "x"})
    message = "train() (train.py:2) cannot be called: nothing provides 'epoch' (did you mean 'epochs'?); 'lr': "
    ended = job.run("train.py")
    assert (ended.exit_code, ended.stdout) == (2, "")
    assert message in (ended.failure or "").splitlines()[0]
    plan = subprocess.run(
        [sys.executable, "-m", "smc_core", "plan"],
        env=job.environ("train.py"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert plan.returncode == 2
    assert message in plan.stderr


def test_what_train_does_not_take_is_told_once_or_refused(job: JobFolder) -> None:
    job.code(train_py="def train(epochs=3):\n    print(epochs)\n").hyperparameters(epoch=50)
    told = "train() (train.py:1) does not take hyperparameter 'epoch' (did you mean 'epochs'?)"
    ended = job.run("train.py")
    assert (ended.exit_code, ended.stdout) == (0, "3\n"), ended.stderr
    assert ended.stderr.count(told) == 1
    strict = job.run("train.py", SMC_STRICT="1")
    assert (strict.exit_code, strict.stdout) == (2, "")
    assert told in (strict.failure or "")
    job.code(train_py="import functools\n@functools.lru_cache\ndef train(epochs=3):\n    print(epochs)\n")
    assert "does not take hyperparameter 'epoch' (did you mean 'epochs'?)" in job.run("train.py").stderr


def test_of_a_tuple_the_one_model_in_it_is_saved(job: JobFolder) -> None:
    job.code(train_py=MODEL + "def train():\n    return Model([1, 2]), {'loss': [0.5]}, 7\n")
    ended = job.run("train.py")
    assert ended.exit_code == 0, ended.stderr
    assert pickle.loads((job.base / "model/saved_model").read_bytes()) == [1, 2]
    assert [path.name for path in (job.base / "model").iterdir()] == ["saved_model"]
    assert "train() returned a tuple: the train.Model in it is the model; the rest is not saved" in ended.stderr
    assert f"model saved: {job.base}/model/saved_model" in ended.stderr


def test_of_several_models_all_are_kept_and_the_job_fails(job: JobFolder) -> None:
    job.code(train_py=MODEL + "def train():\n    return {'one': Model([1]), 'other': Model([2]), 'epochs': 3}\n")
    ended = job.run("train.py")
    assert ended.exit_code == 3
    kept = job.base / "output/data/unsaved-models"
    assert f"train() returned 2 models (train.Model, train.Model), kept below {kept}" in (ended.failure or "")[:300]
    assert [pickle.loads((kept / each / "saved_model").read_bytes()) for each in "01"] == [[1], [2]]
    assert list((job.base / "model").iterdir()) == []


def test_what_nobody_can_save_is_kept(job: JobFolder) -> None:
    """After hours of training: the failure's first line says where."""
    job.code(train_py="def train():\n    return {'weights': [1.5, 2.5], 'step': lambda: 0}\n")
    ended = job.run("train.py")
    assert ended.exit_code == 3
    path = job.base / "output/data/unsaved-model.pkl"
    assert ended.failure is not None
    assert f"train() returned a dict, which no plugin can save; kept: {path}" in ended.failure.splitlines()[0]
    assert f"kept: {path}; reading it can run code" in ended.stderr
    kept = pickle.loads(path.read_bytes())
    assert kept["weights"] == [1.5, 2.5]
    assert kept["step"].startswith("builtins.function, which cannot be pickled: ")


def test_what_a_save_fails_to_save_is_kept(job: JobFolder) -> None:
    saves = "def save(model, model_dir):\n    raise OSError(28, 'No space left on device')\n"
    ended = job.code(train_py="def train():\n    return [1, 2]\n" + saves).run("train.py")
    assert ended.exit_code == 1
    path = job.base / "output/data/unsaved-model.pkl"
    assert (ended.failure or "").splitlines()[0] == (
        f"OSError: [Errno 28] No space left on device (kept: {path}) (train.py:4, in save)"
    )
    assert pickle.loads(path.read_bytes()) == [1, 2]


def test_what_cannot_be_kept_either_is_said(job: JobFolder) -> None:
    ended = job.code(train_py="def train():\n    return memoryview(b'abc')\n").run("train.py")
    assert ended.exit_code == 3
    assert "train() returned a memoryview, which no plugin can save; not kept either: TypeError: cannot" in (
        ended.failure or ""
    )
    assert list((job.base / "output/data").iterdir()) == []


def test_only_the_first_processs_value_counts(job: JobFolder) -> None:
    job.code(train_py="def train():\n    return object()\n")
    ended = job.run("train.py", RANK="1")
    assert ended.exit_code == 0, ended.stderr
    assert "train() returned an object here, which no plugin can save; the first process's value counts" in ended.stderr
    assert list((job.base / "output/data").iterdir()) == []


AGAIN = """
import os, subprocess, sys
import __main__

def train(environment, epochs: int):
    print(os.environ.get("LOCAL_RANK"), epochs, environment.is_primary, __name__, sys.argv, flush=True)
    if "LOCAL_RANK" not in os.environ:
        command = [sys.executable, "-m", __main__.__spec__.name, *sys.argv[1:]]
        subprocess.run(command, env={**os.environ, "LOCAL_RANK": "1"}, check=True, timeout=60)
    return Model(epochs)
"""


def test_a_program_that_is_started_again_runs_the_same_function(job: JobFolder) -> None:
    """As libraries do that start a process for each device; a copy writes no model."""
    ended = job.code(train_py=AGAIN + MODEL).hyperparameters(epochs=3).run("train.py")
    assert ended.exit_code == 0, ended.stderr
    arguments = "['train.py', '--epochs', '3']"
    assert ended.stdout == f"None 3 True train {arguments}\n1 3 False train {arguments}\n"
    assert ended.stderr.count("model saved: ") == 1


def test_what_a_plugin_reads_is_not_ignored(job: JobFolder, tmp_path: Path) -> None:
    info = tmp_path / "smc_reader-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: smc-reader\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[smc.plugins]\nreader = smc_reader\n")
    (tmp_path / "smc_reader.py").write_text("HYPERPARAMETERS = ['seed', 3]\n")
    job.code(train_py="def train(epochs=1): ...\n").hyperparameters(seed=3, epoch=2)
    for source in ("def train(epochs=1): ...\n", "import functools\n@functools.lru_cache\ndef train(epochs=1): ...\n"):
        ended = job.code(train_py=source).run("train.py", PYTHONPATH=str(tmp_path))
        assert ended.exit_code == 0, ended.stderr
        assert "does not take hyperparameter 'epoch' (did you mean 'epochs'?): ignored" in ended.stderr
