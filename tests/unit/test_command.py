"""The Command: what a launcher puts around a job."""

import pytest

from smc_core import Command

SHELL = Command(("/bin/sh", "/opt/ml/code/run.sh", "--epochs", "5"), {"A": "1"}, "/", "executable")
PYTHON = Command(("/usr/bin/python3", "train.py", "--epochs", "5"), {"A": "1"}, "/", "script")


def test_a_launcher_of_python_programs_stands_in_place_of_the_interpreter() -> None:
    wrapped = PYTHON.wrap(["torchrun", "--nnodes=2"], "torchrun", {"B": "2"})
    assert wrapped.argv == ("torchrun", "--nnodes=2", "train.py", "--epochs", "5")
    assert (wrapped.launcher, wrapped.environ) == ("torchrun", {"A": "1", "B": "2"})


def test_of_an_executable_nothing_is_left_out() -> None:
    assert SHELL.wrap(("mpirun",), "mpi").argv == ("mpirun", *SHELL.argv)


@pytest.mark.parametrize("command", [SHELL, PYTHON])
def test_a_launcher_may_need_variables_alone(command: Command) -> None:
    launched = command.launched_by("mwms", {"TF_CONFIG": "{}"})
    assert (launched.argv, launched.launcher, launched.environ["TF_CONFIG"]) == (command.argv, "mwms", "{}")


def test_a_prefix_is_a_list() -> None:
    with pytest.raises(TypeError, match="the prefix 'mpirun -np 2' is text, not a list of arguments"):
        PYTHON.wrap("mpirun -np 2", "mpi")  # type: ignore[arg-type]
