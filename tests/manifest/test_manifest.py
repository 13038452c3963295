"""``smc manifest``: every text is the golden one, and what its engine reads in it is what was asked for."""

from __future__ import annotations

import ast
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import botocore.session
import kubernetes_validate
import pytest
import yaml
from botocore.validate import ParamValidator
from hypothesis import given
from hypothesis import strategies as st
from tests.manifest.cases import CASES, GOLDEN, printed

from smc_core.cli import main
from smc_core.manifest.yaml_text import Comment, document

NOTE = 'it\'s $(HOME) ${x} "ü"\n#'


def _named(engine: str) -> list[str]:
    return [name for name in CASES if name.startswith(f"{engine}-")]


def test_each_golden_file_has_a_case() -> None:
    assert {path.name for path in GOLDEN.iterdir()} == set(CASES)


@pytest.mark.parametrize("name", CASES)
def test_it_is_the_golden_one(name: str) -> None:
    assert printed(CASES[name]) == (GOLDEN / name).read_text()


@pytest.mark.parametrize("name", _named("kubernetes"))
def test_the_schemas_of_kubernetes_accept_it(name: str) -> None:
    service, job = yaml.safe_load_all(printed(CASES[name]))
    for each in (service, job):
        kubernetes_validate.validate(each, "1.33", strict=True)
    container = job["spec"]["template"]["spec"]["containers"][0]
    assert {"name": "NCCL_DEBUG", "value": "$$INFO"} in container["env"]
    assert f"note={NOTE}".replace("$", "$$") in container["command"]
    assert job["spec"]["template"]["spec"]["subdomain"] == service["metadata"]["name"]


def test_the_schemas_of_kubernetes_refuse_what_is_wrong() -> None:
    _, job = yaml.safe_load_all(printed(CASES["kubernetes-2-hosts-1-gpus"]))
    job["spec"]["template"]["spec"]["containers"][0]["comand"] = []
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(job, "1.33", strict=True)


@pytest.mark.parametrize("name", _named("kubeflow"))
def test_the_model_of_the_train_job_accepts_it(name: str) -> None:
    from kubeflow_trainer_api.models import TrainerV1alpha1TrainJob

    content = yaml.safe_load(printed(CASES[name]))
    read = TrainerV1alpha1TrainJob.from_dict(content)
    assert read is not None
    assert _less(read.to_dict()) == _less(content)  # the model drops what it does not know


def _less(tree: Any) -> Any:
    """Without what is empty: the model adds such fields."""
    if isinstance(tree, dict):
        return {key: _less(value) for key, value in tree.items() if value not in (None, {}, [])}
    return [_less(each) for each in tree] if isinstance(tree, list) else tree


@pytest.mark.parametrize("name", _named("sagemaker"))
def test_the_model_of_the_api_accepts_it(name: str) -> None:
    content = json.loads(printed(CASES[name]))
    model = botocore.session.Session().get_service_model("sagemaker").operation_model("CreateTrainingJob")
    assert ParamValidator().validate(content, model.input_shape).generate_report() == ""
    assert content["HyperParameters"] == {"epochs": "5", "note": NOTE}


@pytest.mark.parametrize("name", _named("slurm"))
def test_the_shell_reads_the_arguments_that_were_given(name: str, tmp_path: Path) -> None:
    srun = tmp_path / "srun"
    srun.write_text('#!/bin/sh\nprintf "%s\\0" "$NCCL_DEBUG" "$@"\n')
    srun.chmod(0o755)
    environ = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    ended = subprocess.run(
        ["bash"], input=printed(CASES[name]), env=environ, capture_output=True, text=True, check=True
    )
    variable, *words = ended.stdout.split("\0")[:-1]
    assert variable == "$INFO"
    run = ["smc", "run", "train.py", "-c", "training=/data", "-p", "epochs=5", "-p", f"note={NOTE}"]
    assert words[-len(run) :] == run


@pytest.mark.parametrize("name", _named("skypilot"))
def test_the_shell_of_a_task_reads_them_too(name: str, tmp_path: Path) -> None:
    task = yaml.safe_load(printed(CASES[name]))
    smc = tmp_path / "smc"
    smc.write_text('#!/bin/sh\nprintf "%s\\0" "$@"\n')
    smc.chmod(0o755)
    environ = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    ended = subprocess.run(["bash", "-c", task["run"]], env=environ, capture_output=True, text=True, check=True)
    channel = next(iter(task["file_mounts"]))
    assert ended.stdout.split("\0")[:-1] == [
        "run",
        "train.py",
        "-c",
        f"training={channel}",
        "-p",
        "epochs=5",
        "-p",
        f"note={NOTE}",
    ]


@pytest.mark.parametrize("name", _named("ray"))
def test_the_program_of_a_ray_job_has_what_was_given(name: str) -> None:
    values = {}
    for node in ast.parse(printed(CASES[name])).body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
            assert isinstance(node.targets[0], ast.Name)
            values[node.targets[0].id] = json.loads(ast.literal_eval(node.value.args[0]))
    assert values["COMMAND"][-1] == f"note={NOTE}"
    assert values["VARIABLES"] == {"SMC_STOP_GRACE": "110", "NCCL_DEBUG": "$INFO"}
    assert values["BUNDLE"]["memory"] == 8 * 1024**3


@pytest.mark.parametrize("name", _named("compose"))
def test_each_service_of_compose_is_a_host(name: str) -> None:
    content = yaml.safe_load(printed(CASES[name]))
    hosts = list(content["services"])
    for host, service in content["services"].items():
        resources, hyperparameters = (content["configs"][each["source"]]["content"] for each in service["configs"])
        assert json.loads(resources)["hosts"] == hosts
        assert json.loads(resources)["current_host"] == service["hostname"] == host
        assert json.loads(hyperparameters.replace("$$", "$"))["note"] == NOTE


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["slurm", "--hosts", "0", "train.py"], "--hosts 0: must be at least 1"),
        (["slurm", "--name", "A b", "train.py"], "--name 'A b'"),
        (["slurm", "--name", "x\n#SBATCH --uid=0", "train.py"], "--name"),
        (["kubernetes", "--image", "i", "--name", "a" * 62, "train.py"], "with 1 hosts, use 61"),
        (["kubeflow", "--image", "i", "--name", "a" * 60, "train.py"], "use up to"),
        (["kubernetes", "train.py"], "kubernetes needs --image"),
        (["sagemaker", "--image", "i", "train.py"], "needs --role, --instance-type, --output"),
        (["skypilot", "--gpus", "1", "train.py"], "needs --gpu-type"),
        (["slurm", "train.py", "-p", "hf_token=x"], "looks like a secret"),
        (["slurm", "train.py", "-e", "DB_PASSWORD=x"], "looks like a secret"),
        (["slurm", "train.py", "-c", "a/b=x"], "cannot be used as a name"),
        (["slurm", "train.py", "-p=-x=1"], "cannot be used as a name"),
        (["slurm", "train.py", "-p", "@file"], "name each"),
        (["slurm", "train.py", "-p", "a=1", "-p", "a=2"], "given twice"),
        (["slurm", "--memory", "8GB", "train.py"], "--memory"),
        (["slurm", "--image", "-x", "train.py"], "expected one argument"),
        (["slurm", "train.py", "--claim", "data=/data"], "no use for --claim"),
        (["kubernetes", "--image", "i", "train.py", "--claim", "data=data"], "must begin with '/'"),
        (["compose", "--image", "i", "train"], "must be a path in the image"),
        (["slurm", "train.py", "-p", "a=\udcff"], "not text in UTF-8"),
    ],
)
def test_what_cannot_be_submitted_is_refused(
    arguments: list[str], said: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["manifest", *arguments]) == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert said in err


_TEXTS = st.text(st.characters(exclude_categories=["Cs"])) | st.sampled_from(
    [
        "yes",
        "No",
        "null",
        "~",
        "1e3",
        "0x1f",
        "1:30",
        "- a",
        "a: b",
        "# c",
        "a\n",
        "a\n\nb\n",
        " a\n",
        "a \n",
        "=",
        "<<",
    ]
)
_TREES = st.recursive(
    st.none() | st.booleans() | st.integers() | _TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXTS, inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(_TEXTS, _TREES, max_size=5))
def test_what_is_written_is_read_back(tree: dict[str, Any]) -> None:
    assert (yaml.safe_load(document(tree)) or {}) == tree


def test_a_comment_is_written_before_what_follows() -> None:
    assert document({"a": [{Comment("why"): None, "b": "c"}]}) == "a:\n- # why\n  b: c\n"
