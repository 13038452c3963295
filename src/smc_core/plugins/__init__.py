"""Find plugins, check them, put them in order, and call them.

In order:

1. Entry points of the group ``smc.plugins`` are read from the metadata of what is installed; nothing is imported.
2. Two of the same name end the job.
3. Where ``SMC_PLUGINS`` is set, only those that it names are loaded. Those that ``SMC_DISABLE_PLUGINS`` names are left
   out, whatever ``SMC_PLUGINS`` says. A name that is not installed is an error.
4. What the others require by their metadata is compared with what is installed.
5. They are imported and registered so that they are *called* in the order of their names, after the user's own
   ``save`` and before the core's own behaviour.
6. A function marked as a hook that is none of these, or has the wrong form, ends the job.

Whatever a plugin does wrong from there on ends the job with exit code 3 and one line that names the plugin, its
distribution and version, and the hook. What the user's code raises through a plugin stays the user's; an error of
:mod:`smc_core.errors` that a plugin raises on purpose keeps its class and exit code.
"""

from typing import TYPE_CHECKING, Any

from smc_core.plugins.discovery import GROUP, Installed, installed, namespace
from smc_core.plugins.loaded import Plugins

if TYPE_CHECKING:
    from smc_core.plugins.manager import HOOKS, new_manager, register

__all__ = ["GROUP", "HOOKS", "Installed", "Plugins", "installed", "namespace", "new_manager", "register"]


def __getattr__(name: str) -> Any:
    """What needs pluggy, which a job without plugins does not wait for (PEP 562)."""
    if name not in ("HOOKS", "new_manager", "register"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from smc_core.plugins import manager

    return getattr(manager, name)
