"""The Command: what the prepare process becomes, and what a launcher wraps."""

# Annotations are objects here, not text: Python would compile the text for each field of a NamedTuple at every start.

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from smc_core.contract import LAUNCHER_ENV
from smc_core.errors import ConfigurationError

Signals = Literal["process", "group"]
"""What receives a signal to the job: the process alone, or its whole process group."""


class Command(NamedTuple):
    """An argument list that is executed directly, never through a shell.

    Attributes:
        argv: the program and its arguments. For Python entry points ``argv[0]`` is the interpreter and ``argv[1:]``
            what follows it: a file, or ``-m`` and a module, and the arguments.
        environ: the whole environment of the process.
        cwd: the working directory.
        mode: ``script`` (the user's file as ``__main__``), ``function`` (the worker calls the user's ``train``),
            or ``executable`` (a shell script or any program).
        launcher: name of the launcher around it, or None.
        serves: whether this host only serves the others, and succeeds when the master host does. Only for a launcher's
            command.
        signals: what receives the job's signals. ``process``: the process alone, which passes them on as needed, as
            Python programs and launchers do. ``group``: all processes of its group, because a shell passes nothing on.
    """

    argv: tuple[str, ...]
    environ: Mapping[str, str]
    cwd: str
    mode: Literal["script", "function", "executable"]
    launcher: str | None = None
    serves: bool = False
    signals: Signals = "process"

    def under(
        self,
        prefix: Sequence[str],
        launcher: str,
        environ: Mapping[str, str] | None = None,
        *,
        signals: Signals = "process",
    ) -> "Command":
        """This Command with a launcher in front of it that can start any program.

        The whole Command is kept, including the interpreter of a Python program or the shell of a script:
        ``command.under(["mpirun", "-np", "2"], "mpi")`` gives ``mpirun -np 2 python train.py --epochs 5``, or
        ``mpirun -np 2 /bin/sh run.sh --epochs 5``.

        Args:
            prefix: the launcher's own command line, up to the program that it starts.
            launcher: its name, for the log.
            environ: variables that the launcher needs as well; they replace those of the same name.
            signals: ``process`` for a launcher that passes signals on, ``group`` for one that does not.

        Raises:
            TypeError: ``prefix`` is one text, not a list of arguments.

        """
        argv = (*_arguments(prefix), *self.argv)
        return self.with_variables(environ or {}, launcher)._replace(argv=argv, signals=signals)

    def as_python_under(
        self, prefix: Sequence[str], launcher: str, environ: Mapping[str, str] | None = None
    ) -> "Command":
        """This Command with a launcher instead of the Python interpreter, for one that starts only Python programs.

        ``command.as_python_under([sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2"], "torchrun")``
        gives ``python -m torch.distributed.run --nproc-per-node=2 train.py --epochs 5``.

        Args:
            prefix: the launcher's own command line, up to the program that it starts.
            launcher: its name, for the log.
            environ: variables that the launcher needs as well; they replace those of the same name.

        Raises:
            ConfigurationError: the job's entry point is an executable, not a Python program.
            TypeError: ``prefix`` is one text, not a list of arguments.

        """
        if self.mode == "executable":
            entry_point = self.environ.get("SM_USER_ENTRY_POINT") or self.argv[0]
            raise ConfigurationError(
                f"launcher {launcher} cannot start {entry_point}: it starts Python files and modules, such as train.py "
                f"or pkg.train; set sagemaker_program to one, or set {LAUNCHER_ENV}=none and start it yourself"
            )
        return self.with_variables(environ or {}, launcher)._replace(argv=(*_arguments(prefix), *self.argv[1:]))

    def with_variables(self, environ: Mapping[str, str], launcher: str) -> "Command":
        """This Command with further variables, for a launcher that needs no program.

        Args:
            environ: variables that the launcher needs; they replace those of the same name.
            launcher: its name, for the log.

        """
        return self._replace(environ={**self.environ, **environ}, launcher=launcher)


def _arguments(prefix: Sequence[str]) -> Sequence[str]:
    if isinstance(prefix, str):
        raise TypeError(f"the prefix {prefix!r} is text, not a list of arguments")
    return prefix
