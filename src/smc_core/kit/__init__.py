"""Everything that a plugin may use, by name: ``from smc_core.kit import write_whole, is_installed``.

These names stay, and so do those of ``smc_core`` itself and of its modules ``environment``, ``command``, ``errors``,
``hookspecs``, ``hyperparameters``, ``contract``, ``setting`` and ``testing``. Everything else in ``smc_core`` is
private, and may change with any release. Each name is imported on first use (PEP 562): a plugin does not
wait for what it does not use.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from smc_core.artifacts import error_in_a_line, export_note, move_into, write_into, write_whole
    from smc_core.compatibility import Framework, check_framework, is_installed
    from smc_core.kit.host_link import HostLink, await_request, reach
    from smc_core.kit.launcher import death_in_words, report_death, run_child, run_ranks, stop_children
    from smc_core.launching import is_asked_for, is_switched_on, processes_per_host, takes_part, who_asks
    from smc_core.ports import Ports
    from smc_core.process.diagnosis import size_text
    from smc_core.process.lifeline import die_with_parent
    from smc_core.process.log import line as log_line
    from smc_core.process.outcome.ending import exit_code
    from smc_core.process.processes import is_running, signal_tree
    from smc_core.process.program import main, start_child
    from smc_core.process.report.for_another import report_for_another
    from smc_core.process.report.reader import Report, first_report, job_reports
    from smc_core.process.signals import HARMLESS_SIGNALS, STOP_SIGNALS, Inbox
    from smc_core.process.signals import taken as signals_to_take
    from smc_core.process.standard_library import come_first as prefer_standard_library

__all__ = [
    "HARMLESS_SIGNALS",
    "STOP_SIGNALS",
    "Framework",
    "HostLink",
    "Inbox",
    "Ports",
    "Report",
    "await_request",
    "check_framework",
    "death_in_words",
    "die_with_parent",
    "error_in_a_line",
    "exit_code",
    "export_note",
    "first_report",
    "is_asked_for",
    "is_installed",
    "is_running",
    "is_switched_on",
    "job_reports",
    "lazy_exports",
    "log_line",
    "main",
    "move_into",
    "prefer_standard_library",
    "processes_per_host",
    "reach",
    "report_death",
    "report_for_another",
    "run_child",
    "run_ranks",
    "signal_tree",
    "signals_to_take",
    "size_text",
    "start_child",
    "stop_children",
    "takes_part",
    "who_asks",
    "write_into",
    "write_whole",
]

_HOMES = {
    ".artifacts": "error_in_a_line export_note move_into write_into write_whole",
    ".compatibility": "Framework check_framework is_installed",
    "host_link": "HostLink await_request reach",
    ".launching": "is_asked_for is_switched_on processes_per_host takes_part who_asks",
    "launcher": "death_in_words report_death run_child run_ranks stop_children",
    ".ports": "Ports",
    ".process.diagnosis": "size_text",
    ".process.lifeline": "die_with_parent",
    ".process.outcome.ending": "exit_code",
    ".process.processes": "is_running signal_tree",
    ".process.program": "main start_child",
    ".process.report.for_another": "report_for_another",
    ".process.report.reader": "Report first_report job_reports",
    ".process.signals": "HARMLESS_SIGNALS STOP_SIGNALS Inbox",
}


def lazy_exports(package: str, homes: Mapping[str, str]) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """The functions ``__getattr__`` and ``__dir__`` of a package whose public names are imported on first use.

    ``smc.lines.Line`` then imports ``smc_lines.models``, and a job that does not use it does not wait for that. Also
    import the names below ``TYPE_CHECKING``, and hide the functions from type checkers: they would accept any name.

    Args:
        package: its ``__name__``.
        homes: public name → the module of the package that defines it, ``models``; ``models:LineModel`` if it has
            another name there.

    """

    def find(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        from importlib import import_module

        home, _, name_there = homes[name].partition(":")
        return getattr(import_module(f".{home}", package), name_there or name)

    return find, lambda: sorted(homes)


if not TYPE_CHECKING:  # otherwise a type checker would accept any name as one of the kit
    __getattr__, __dir__ = lazy_exports(
        __name__,
        {
            **{name: home for home, names in _HOMES.items() for name in names.split()},
            "log_line": ".process.log:line",
            "prefer_standard_library": ".process.standard_library:come_first",
            "signals_to_take": ".process.signals:taken",
        },
    )
