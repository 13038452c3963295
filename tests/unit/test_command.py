"""The Command: what a launcher puts around a job."""

from collections.abc import Callable

import pytest

from smc_core import Command, ConfigurationError

SHELL = Command(
    ("/bin/sh", "/opt/ml/code/run.sh", "--epochs", "5"),
    {"A": "1", "SM_USER_ENTRY_POINT": "run.sh"},
    "/",
    "executable",
    signals="group",
)
PYTHON = Command(("/usr/bin/python3", "train.py", "--epochs", "5"), {"A": "1"}, "/", "script")


@pytest.mark.parametrize("command", [SHELL, PYTHON])
def test_under_a_launcher_nothing_is_left_out(command: Command) -> None:
    launched = command.under(("mpirun", "-np", "2"), "mpi", {"A": "2", "B": "2"})
    assert launched.argv == ("mpirun", "-np", "2", *command.argv)
    assert (launched.launcher, launched.mode) == ("mpi", command.mode)
    assert launched.environ == {**command.environ, "A": "2", "B": "2"}


@pytest.mark.parametrize("command", [SHELL, PYTHON])
def test_a_launcher_gets_signals_alone_unless_it_says_otherwise(command: Command) -> None:
    assert command.under(["mpirun"], "mpi").signals == "process"
    assert command.under(["srun"], "slurm", signals="group").signals == "group"


def test_a_launcher_of_python_programs_stands_in_place_of_the_interpreter() -> None:
    launched = PYTHON.as_python_under(["torchrun", "--nnodes=2"], "torchrun", {"B": "2"})
    assert launched.argv == ("torchrun", "--nnodes=2", "train.py", "--epochs", "5")
    assert (launched.launcher, launched.environ, launched.signals) == ("torchrun", {"A": "1", "B": "2"}, "process")


def test_a_launcher_of_python_programs_refuses_an_executable() -> None:
    with pytest.raises(ConfigurationError) as caught:
        SHELL.as_python_under(["torchrun"], "torchrun")
    assert str(caught.value) == (
        "launcher torchrun cannot start run.sh: it starts Python files and modules, such as train.py or pkg.train; "
        "set sagemaker_program to one, or set SMC_LAUNCHER=none and start it yourself"
    )


@pytest.mark.parametrize("command", [SHELL, PYTHON])
def test_a_launcher_may_need_variables_alone(command: Command) -> None:
    launched = command.with_variables({"TF_CONFIG": "{}"}, "mwms")
    assert (launched.argv, launched.launcher, launched.environ["TF_CONFIG"]) == (command.argv, "mwms", "{}")
    assert launched.signals == command.signals


@pytest.mark.parametrize("method", [PYTHON.under, PYTHON.as_python_under])
def test_a_prefix_is_a_list(method: Callable[..., Command]) -> None:
    with pytest.raises(TypeError, match="the prefix 'mpirun -np 2' is text, not a list of arguments"):
        method("mpirun -np 2", "mpi")
