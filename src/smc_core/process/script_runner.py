"""Run the user's script as ``__main__``, as ``python train.py`` and ``python -m pkg.train`` do.

Started by ``script.py`` in the same folder, as ``python .../script.py train.py ARGS`` or ``python .../script.py -m
pkg.train ARGS``; it does not appear in ``sys.modules``.

It repeats, step by step, what Python itself does for a script, and imports nothing that Python has not loaded already.
The script finds the same ``sys.modules``, ``sys.path`` and ``sys.argv``, and the user's ``json.py`` shadows the
standard library's as it would without smc. The only difference is that an uncaught exception is reported to the
supervisor before it ends the process in Python's usual way.
"""
# No "from __future__ import annotations" here: it would load a module, __future__, that a script does not start with.

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType, TracebackType

_OWN = (__file__, os.path.join(os.path.dirname(__file__), "script.py"))
"""The files whose frames come before the script's in every traceback."""


def main() -> None:
    """Become the script that ``sys.argv`` names."""
    # orig_argv is the interpreter, its options, then all of sys.argv: this removes script.py from both.
    del sys.orig_argv[len(sys.orig_argv) - len(sys.argv)]
    del sys.argv[0]
    module = _new_main()
    if not getattr(sys.flags, "safe_path", sys.flags.isolated):
        folder = os.getcwd() if sys.argv[0] == "-m" else os.path.dirname(os.path.realpath(sys.argv[0]))
        sys.path[0] = folder
    try:
        if sys.argv[0] == "-m":
            _run_module()
        else:
            _run_file(module, os.path.join(os.getcwd(), sys.argv[0]))
    except BaseException as error:
        _report(error)
        _hide_own_frames()
        raise


def _new_main() -> "ModuleType":
    """A fresh ``__main__``, with the names that Python sets before a script begins."""
    import builtins

    module = type(sys)("__main__")
    module.__dict__["__builtins__"] = builtins
    if sys.version_info < (3, 14):
        module.__annotations__ = {}
    sys.modules["__main__"] = module
    return module


def _run_file(module: "ModuleType", path: str) -> None:
    import io

    try:
        with io.open_code(path) as file:
            source = file.read()
    except OSError as error:
        sys.stderr.write(f"{sys.executable}: can't open file {path!r}: [Errno {error.errno}] {error.strerror}\n")
        raise SystemExit(2) from error
    namespace = module.__dict__
    loader = type(globals()["__loader__"])("__main__", path)
    namespace.update(__file__=path, __cached__=None, __loader__=loader)
    exec(compile(source, path, "exec", dont_inherit=True), namespace)  # noqa: S102 - running the script is the task


def _run_module() -> None:
    import runpy

    name = sys.argv.pop(1)
    runpy._run_module_as_main(name)  # type: ignore[attr-defined]  # what Python itself calls for -m


class GenuineStandardLibrary:
    """While entered, imports find the modules of Python and of smc, whatever the user's code has replaced them with."""

    def __enter__(self) -> None:
        # sys.modules is searched before sys.path, so modules that shadow the standard library's are taken out, too.
        self._path = sys.path[:]
        self._replaced = {}
        library = os.path.dirname(os.__file__)
        for name, module in list(sys.modules.items()):
            if name.partition(".")[0] in sys.stdlib_module_names and name != "__main__":
                file = getattr(module, "__file__", None)
                if module is None or (file and not file.startswith(library)):
                    self._replaced[name] = sys.modules.pop(name)
        smc = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
        sys.path[:] = [library, os.path.join(library, "lib-dynload"), smc, *sys.path]

    def __exit__(self, *_: object) -> None:
        sys.path[:] = self._path
        sys.modules.update(self._replaced)


def _report(error: BaseException) -> None:
    try:
        with GenuineStandardLibrary():
            from smc_core.process.report import writer

            writer.write_report(error, phase="script")
    except BaseException:  # noqa: BLE001, S110 - the script's own failure matters more
        pass


def _hide_own_frames() -> None:
    """Let ``sys.excepthook``, Python's or the script's own, see a traceback without our frames."""
    users_hook = sys.excepthook

    def hook(kind: type[BaseException], error: BaseException, trace: "TracebackType | None") -> None:
        sys.excepthook = users_hook
        while trace is not None and trace.tb_frame.f_code.co_filename in _OWN:
            trace = trace.tb_next
        users_hook(kind, error.with_traceback(trace), trace)

    sys.excepthook = hook


if __name__ == "__main__":
    main()
