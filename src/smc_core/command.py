"""The Command: what the prepared process becomes, and what a launcher wraps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal


@dataclass(frozen=True)
class Command:
    """An argument list that is executed as it is; no shell ever reads it.

    Attributes:
        argv: the program and its arguments. For Python entry points ``argv[0]`` is the interpreter and ``argv[1:]``
            what follows it: a file, or ``-m`` and a module, and the arguments.
        environ: the whole environment of the process.
        cwd: the working directory.
        mode: ``script`` (the user's file as ``__main__``), ``function`` (the worker calls the user's ``train``),
            or ``executable`` (a shell script or any program).
        launcher: name of the launcher around it, or None.
        serves: whether this host only serves the others, and ends well when the master host has. Only a launcher's
            command can.
    """

    argv: tuple[str, ...]
    environ: Mapping[str, str]
    cwd: str
    mode: Literal["script", "function", "executable"]
    launcher: str | None = None
    serves: bool = False

    @property
    def is_python(self) -> bool:
        """Whether ``argv[0]`` is the Python interpreter."""
        return self.mode != "executable"

    def wrap(
        self, prefix: tuple[str, ...] | list[str], launcher: str, environ: Mapping[str, str] | None = None
    ) -> Command:
        """This Command started by a launcher: of Python programs ``prefix`` stands in place of the interpreter.

        ``command.wrap([sys.executable, "-m", "torch.distributed.run", "--nproc_per_node=2"], "torchrun")`` makes
        ``python -m torch.distributed.run --nproc_per_node=2 train.py --epochs 5``. Of an executable, a shell script
        too, it stands in front of the whole command, of which nothing is left out: ``… /bin/sh run.sh --epochs 5``.

        Args:
            prefix: the launcher's own command line, up to the program that it starts.
            launcher: its name, for the log.
            environ: variables that the launcher needs as well.

        Raises:
            TypeError: ``prefix`` is one text, not a list of arguments.

        """
        if isinstance(prefix, str):
            raise TypeError(f"the prefix {prefix!r} is text, not a list of arguments")
        rest = self.argv[1:] if self.is_python else self.argv
        return replace(self.launched_by(launcher, environ), argv=(*prefix, *rest))

    def launched_by(self, launcher: str, environ: Mapping[str, str] | None = None) -> Command:
        """This Command as it is, for a launcher that needs variables and no program of its own.

        Args:
            launcher: its name, for the log.
            environ: variables that it needs as well.

        """
        return replace(self, environ={**self.environ, **(environ or {})}, launcher=launcher)
