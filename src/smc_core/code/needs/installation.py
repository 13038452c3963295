"""One installation: which installer gets which arguments, and what is logged about it."""

from __future__ import annotations

import contextlib
import importlib
import logging
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from smc_core.code.needs import frameworks
from smc_core.code.needs.index import Index, find_index
from smc_core.code.needs.installer import Installer, find_installer
from smc_core.code.needs.job_packages import JobPackages, create_job_packages, is_writable
from smc_core.code.needs.packages import Installed
from smc_core.code.needs.reach import none_reachable
from smc_core.code.needs.requirements import Line, Requirements
from smc_core.code.needs.unmet import parse, unmet
from smc_core.errors import CodeError
from smc_core.words import some_of

if TYPE_CHECKING:
    from smc_core.code.needs.packages import Needs
    from smc_core.distributions import Distributions


_log = logging.getLogger("smc.code")


class Installation:
    """Installs what code needs.

    Args:
        folder: the working directory.
        what: the name of the requirements in messages.
        requirements: the content of requirement files.
        missing: the lines that are not satisfied.
        installed: the installed distributions.
        environ: the variables of the job.

    """

    def __init__(
        self,
        folder: str,
        what: str,
        requirements: Requirements,
        missing: Sequence[Line],
        installed: Distributions,
        environ: Mapping[str, str],
    ) -> None:
        self._folder = folder
        self._what = what
        self._requirements = requirements
        self._missing = missing
        self._installed = installed
        self._environ = environ
        self._held = frameworks.held(installed, environ)
        self._noted = frameworks.noted(installed)

    def install_needs(self, needs: Needs, *, build: bool) -> Installed:
        """Install what a folder of code asks for.

        Args:
            needs: what it asks for.
            build: whether to build and install its package.

        Raises:
            CodeError: it cannot be installed, or would replace a framework of the image.

        """
        frameworks.check(self._missing, self._held)
        site, installer = self._installer()
        index, network = self._index(installer)
        with tempfile.TemporaryDirectory(prefix="smc-install-") as temporary:
            listed = self._listed(needs, installer, temporary)
            package = _package(needs, installer) if build else []
            if package and (index.wheels is not None or not network) and self._can_build(needs):
                package.append("--no-build-isolation")
            # A folder has no hash: an installer that demands hashes would refuse it, so it gets a second run.
            apart = self._requirements.hashed and listed and package
            targets = [listed, package] if apart else [[*listed, *package]]
            extra = [] if network else ["--no-index"]
            return self._run(installer, [[*extra, *target] for target in targets], index, site, temporary)

    def install_file(self, path: str, name: str, *, again: bool) -> Installed:
        """Install a wheel or a source distribution.

        Args:
            path: the file.
            name: name of the distribution.
            again: whether this version is installed already, possibly from another file.

        Raises:
            CodeError: it cannot be installed.

        """
        frameworks.check([Line(f"{name} @ file://{path}", os.path.basename(path))], self._held)
        index = find_index(self._folder, self._environ)
        site, installer = self._installer()
        runs = [[path]]
        if again and installer.name == "pip":
            runs.insert(0, ["--force-reinstall", "--no-deps", path])
        elif again:
            runs = [["--reinstall-package", name, path]]
        with tempfile.TemporaryDirectory(prefix="smc-install-") as temporary:
            return self._run(installer, runs, index, site, temporary)

    def _run(
        self,
        installer: Installer,
        runs: Sequence[Sequence[str]],
        index: Index,
        site: JobPackages | None,
        temporary: str,
    ) -> Installed:
        begin = time.monotonic()
        with self._explained():
            for arguments in runs:
                kept = self._constraints(temporary, installer, site)
                installer.run([*kept, *arguments], index, self._environ, self._folder, self._what)
        importlib.invalidate_caches()
        self._warn(site)
        summary = f"{self._what} installed by {installer.name} in {time.monotonic() - begin:.1f} s"
        if index.wheels is not None:
            summary += f" from {index.wheels}"
        if site is None:
            return Installed(True, summary)
        return Installed(True, f"{summary}, into {site.packages}", site.packages, site.scripts)

    def _warn(self, site: JobPackages | None) -> None:
        from smc_core.distributions import Distributions

        now = Distributions([*([] if site is None else [site.packages]), *sys.path])
        for line in frameworks.replaced(self._noted, now):
            _log.warning("%s: %s", self._what, line)

    def _index(self, installer: Installer) -> tuple[Index, bool]:
        """The index, and whether it, or one of several, can be reached.

        Raises:
            CodeError: none can, and something is missing that only an index provides.

        """
        index = find_index(self._folder, self._environ)
        option = self._requirements.option
        stated = option("-i", "--index-url", "--pypi-url")
        index.url = stated[-1] if stated else index.url
        if "--no-index" in index.arguments() or option("--no-index"):
            return index, True
        why = none_reachable([*installer.index_urls(index, self._environ), *option("--extra-index-url")], self._environ)
        named = [line for line in self._missing if not line.editable and _is_named(line.text)]
        if why and named and not (index.settings.get("find-links") or option("-f", "--find-links")):
            raise CodeError(
                f"{some_of([line.shown for line in named], 3)} ({named[0].where}) is not installed, and {why};\n"
                "put wheels into a folder wheels/ next to the code, or name a folder in SMC_WHEELS"
            )
        return index, why is None

    def _installer(self) -> tuple[JobPackages | None, Installer]:
        options = [name for name, _ in self._requirements.options]
        if is_writable():
            return None, find_installer(options, self._requirements.opaque)
        site = create_job_packages()
        return site, find_installer(options, "uv does not see packages outside the environment", site.python)

    def _listed(self, needs: Needs, installer: Installer, temporary: str) -> list[str]:
        arguments = []
        if needs.requirements and (self._missing or self._requirements.opaque):
            arguments += ["-r", needs.requirements]
        if needs.dependencies:
            listed = os.path.join(self._folder, needs.dependencies_from)
            if installer.name == "pip" or not os.path.isfile(listed):
                listed = _write(temporary, "dependencies.txt", needs.dependencies)
            arguments += ["-r", listed]
        return arguments

    def _constraints(self, temporary: str, installer: Installer, site: JobPackages | None) -> list[str]:
        if site is not None and installer.name == "uv":  # it does not see packages outside, and would install them
            wanted = {requirement.name.lower() for line in self._missing if (requirement := parse(line.text))}
            others = [name for name in self._installed.names() if name not in wanted]
            return ["--excludes", _write(temporary, "excludes.txt", others)]
        lines = frameworks.constraints(self._held)
        return ["-c", _write(temporary, "constraints.txt", lines)] if lines else []

    def _can_build(self, needs: Needs) -> bool:
        """Whether everything that building needs is installed."""
        lines = [Line(text, "pyproject.toml") for text in needs.build_requires]
        return not unmet(Requirements(lines), self._installed)

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        """Add to a failure what is missing, and which frameworks were pinned."""
        try:
            yield
        except CodeError as error:
            more = [f"missing: {', '.join(line.shown for line in self._missing[:3])}"] if self._missing else []
            held = frameworks.explain(error.details, self._held)
            explained = CodeError("; ".join([str(error), *more, *filter(None, [held])]))
            explained.details = error.details
            raise explained from None  # it replaces the first error: a chain would show both


def _package(needs: Needs, installer: Installer) -> list[str]:
    """The arguments that build and install a package in its present state, even if it is installed or cached."""
    if installer.name == "pip":
        return [needs.package] if needs.package else []
    afresh = ["--reinstall-package", needs.name] if needs.name else ["--no-cache"]
    return [*afresh, needs.package] if needs.package else []


def _is_named(text: str) -> bool:
    requirement = parse(text)
    return requirement is not None and requirement.url is None


def _write(folder: str, name: str, lines: Sequence[str]) -> str:
    path = os.path.join(folder, name)
    with open(path, "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")
    return path
