"""Every error that smc raises on purpose, and the exit code of a job that it fails.

::

    SmcError
    ├─ ConfigurationError     2    flags, variables, hyperparameters, a file of the contract
    ├─ PluginError            3    a plugin is broken or ambiguous; also a hook that no plugin answered
    │  ├─ PluginLoadError          it cannot be imported or registered
    │  ├─ PluginConflictError      two plugins claim the same thing
    │  └─ PluginVersionError       its framework, or what else it requires, is missing or too old or too new
    ├─ CodeError              4    user code that cannot be fetched, unpacked or installed
    ├─ HostError              5    a host of the job that cannot be reached or was lost
    └─ UserCodeError          1    the user's own exception

A job that the user's code ends has the exit status of that code; one that signal *n* kills has ``128 + n``;
:data:`EXIT_INTERNAL` means a bug in smc itself.

Only the standard library is imported here: the supervisor needs these codes, too.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import ClassVar, Literal

EXIT_SUCCESS = 0
EXIT_USER_CODE = 1
EXIT_CONFIGURATION = 2
EXIT_PLUGIN = 3
EXIT_CODE = 4
EXIT_HOST = 5
EXIT_INTERNAL = 70
"""A bug in smc itself (``EX_SOFTWARE`` in ``sysexits.h``)."""
NEVER_BETTER = (EXIT_CONFIGURATION, EXIT_PLUGIN, EXIT_CODE)
"""Exit codes that another attempt would have too: what is wrong is in the job or its image."""
EXIT_SIGNAL_BASE = 128
"""A process that signal *n* killed is reported as ``128 + n``, as shells do."""


class SmcError(Exception):
    """The base class of every error that smc raises on purpose.

    The message is for the reader of a log: one or two lines that say what is wrong, where, and what to do.
    """

    kind: ClassVar[Literal["user", "platform"]] = "user"
    """Who can fix it: the author of the job, or the platform that runs it."""
    exit_code: ClassVar[int] = EXIT_INTERNAL
    details: str = ""
    """Lines that explain it further and are already in the log: the last lines of an installer, for example."""

    @property
    def sentence(self) -> str:
        """The first line of the message: what is wrong."""
        return str(self).split("\n", maxsplit=1)[0]

    @property
    def explanation(self) -> str:
        """The other lines of the message; empty if there are none."""
        return "".join(str(self).split("\n", maxsplit=1)[1:])


class ConfigurationError(SmcError):
    """A flag, a variable, a hyperparameter or a file of the contract is wrong."""

    exit_code = EXIT_CONFIGURATION


class PluginError(SmcError):
    """A plugin cannot be used, or no plugin answered a hook that needs an answer."""

    exit_code = EXIT_PLUGIN


class PluginLoadError(PluginError):
    """A plugin is installed, but cannot be imported or registered."""


class PluginConflictError(PluginError):
    """Two plugins answered where only one may."""


class PluginVersionError(PluginError):
    """A plugin's framework, or what else it requires, is not installed in a version that the plugin works with."""


class CodeError(SmcError):
    """User code cannot be fetched, unpacked, installed, found or started."""

    exit_code = EXIT_CODE

    @classmethod
    def of_start(cls, program: str, error: OSError) -> CodeError:
        """The error for a program that the kernel cannot start."""
        found = cls(f"{program} cannot be started: {error.strerror}")
        found.__cause__ = error
        return found

    @classmethod
    def of_reading(cls, path: str, error: OSError) -> CodeError:
        """The error for a file or folder of the user's that cannot be read: which one, as which user, and what to do.

        Args:
            path: the path, for an error that does not name one itself.
            error: why it cannot be read.

        """
        name = os.fsdecode(error.filename) if isinstance(error.filename, (str, bytes)) else path
        text = f"{name} cannot be read: {error.strerror or error}"
        if isinstance(error, PermissionError):
            text = (
                f"{name} cannot be read by user {os.geteuid()}: {error.strerror}; "
                "make it readable for all when it is copied (chmod -R a+rX), or run as its owner"
            )
        found = cls(text)
        found.__cause__ = error
        return found


class HostError(SmcError):
    """A host of the job cannot be reached or was lost."""

    kind = "platform"
    exit_code = EXIT_HOST


class UserCodeError(SmcError):
    """The user's code failed; the cause is chained (``__cause__``)."""

    exit_code = EXIT_USER_CODE
