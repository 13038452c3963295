"""Several hosts of one job on this machine, each with its own network, as on the platform.

They are Docker containers if an engine answers and the variable ``SMC_BASE_IMAGE`` names an image (any that has the C
library of this machine: the Python of the test is mounted into it); otherwise network namespaces, which need root,
``ip`` and ``unshare``. ``SMC_TEST_HOSTS`` set to ``docker`` or ``namespaces`` asks for one of them.
"""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import signal
import subprocess
import sys
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType

import smc_core
from smc_core.contract import BASE_PATH
from smc_core.process.outcome.ending import exit_code
from smc_core.testing.job_folder import JobFolder, JobResult
from smc_core.testing.running import SECONDS, Running, wait_until

CHOICE_ENV = "SMC_TEST_HOSTS"
IMAGE_ENV = "SMC_BASE_IMAGE"
DOCKER, NAMESPACES = "docker", "namespaces"
_BECOME = (
    'mount --bind "$1" /etc/hosts; hostname "$2"; ip link set lo up; mount -t tmpfs shm /dev/shm; shift 2; exec "$@"'
)
"""Libraries name shared memory by host and process id, which the hosts of two jobs have in common."""


@functools.cache
def kind() -> str | None:
    """What the hosts are here: ``docker``, ``namespaces``, or None if this machine has neither."""
    wanted = os.environ.get(CHOICE_ENV)
    if wanted in (None, "", DOCKER) and _has_image():
        return DOCKER
    if wanted in (None, "", NAMESPACES) and os.geteuid() == 0 and shutil.which("ip") and shutil.which("unshare"):
        return NAMESPACES
    return None


def why_not() -> str | None:
    """Why there can be no hosts here; None if there can."""
    if kind() is not None:
        return None
    return f"no Docker engine has the image of {IMAGE_ENV}, and no network namespace can be made (root, ip, unshare)"


class Host(ABC):
    """One host.

    Attributes:
        name: its name, by which the others find it.
        job: its job folder, with ``resourceconfig.json``.
        base: the path of that folder on the host, such as ``/opt/ml``.
    """

    def __init__(self, name: str, job: JobFolder, base: str) -> None:
        self.name = name
        self.job = job
        self.base = base

    @abstractmethod
    def start(self, program: str | None = None, **variables: str) -> None:
        """Start ``smc run`` on it."""

    @abstractmethod
    def wait(self, seconds: float = SECONDS) -> JobResult:
        """Wait until it has exited; after so many seconds the test fails."""

    def wait_until(self, condition: Callable[[], object], seconds: float = SECONDS) -> None:
        """Wait until a condition holds; after so many seconds the test fails with what the host has printed."""
        wait_until(condition, seconds, show=self.output)

    @abstractmethod
    def kill(self) -> None:
        """Make the whole host vanish, with everything that runs on it."""

    @abstractmethod
    def stop(self) -> None:
        """SIGTERM, as the platform stops a job."""

    @abstractmethod
    def output(self) -> str:
        """What it has printed so far, to stdout and stderr."""

    @abstractmethod
    def close(self) -> None:
        """Remove it."""


class Hosts:
    """The hosts of one job.

    Args:
        folder: where their job folders are created.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._hosts: list[Host] = []
        self._network: _Network | None = None

    def __enter__(self) -> Hosts:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for host in self._hosts:
            host.close()
        if self._network is not None:
            self._network.close()

    def make(self, count: int) -> list[Host]:
        """Create the hosts ``algo-1`` to ``algo-N``, in the platform's order, without starting a job."""
        names = sorted(f"algo-{number}" for number in range(1, count + 1))
        self._network = _DockerNetwork() if kind() == DOCKER else _NamespaceNetwork(self._folder, names)
        for name in names:
            job = JobFolder(self._folder / name).hosts(*names, current=name)
            self._hosts.append(self._network.host(name, job))
        return list(self._hosts)

    def start(self, program: str | None = None, **variables: str) -> None:
        """Start ``smc run`` on every host."""
        for host in self._hosts:
            host.start(program, **variables)

    def run(self, program: str | None = None, *, seconds: float = SECONDS, **variables: str) -> list[JobResult]:
        """Start ``smc run`` on every host, and wait until all have exited."""
        self.start(program, **variables)
        return [host.wait(seconds) for host in self._hosts]


class _Network(ABC):
    @abstractmethod
    def host(self, name: str, job: JobFolder) -> Host: ...

    @abstractmethod
    def close(self) -> None: ...


def _command(*arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    ended = subprocess.run(arguments, capture_output=True, text=True, errors="backslashreplace", check=False)  # noqa: S603
    if check and ended.returncode:
        raise RuntimeError(f"{' '.join(arguments)}: {ended.stdout}{ended.stderr}")
    return ended


def _has_image() -> bool:
    image = os.environ.get(IMAGE_ENV)
    return (
        bool(image and shutil.which("docker"))
        and not _command("docker", "image", "inspect", str(image), check=False).returncode
    )


def _python_folders() -> list[str]:
    """The folders of this process's Python installation, none below another."""
    places = [sys.base_prefix, sys.prefix, *sys.path, os.path.dirname(os.path.dirname(smc_core.__file__))]
    folders = sorted({os.path.realpath(place) for place in places if os.path.isdir(place)})
    return [each for each in folders if not any(each.startswith(f"{above}/") for above in folders) and each != "/usr"]


class _DockerNetwork(_Network):
    def __init__(self) -> None:
        self.name = f"smc-hosts-{uuid.uuid4().hex[:12]}"
        _command("docker", "network", "create", "--internal", self.name)

    def host(self, name: str, job: JobFolder) -> Host:
        return _Container(name, job, self.name)

    def close(self) -> None:
        _command("docker", "network", "rm", self.name, check=False)


class _Container(Host):
    def __init__(self, name: str, job: JobFolder, network: str) -> None:
        super().__init__(name, job, BASE_PATH)
        self._network = network
        self._container = f"{network}-{name}"

    def start(self, program: str | None = None, **variables: str) -> None:
        self.close()
        given = {"PATH": f"{os.path.dirname(sys.executable)}:/usr/bin:/bin", "HOME": "/tmp", **variables}  # noqa: S108
        if program is not None:
            given["SAGEMAKER_PROGRAM"] = program
        if path := os.environ.get("PYTHONPATH"):  # what the test imports from there is mounted
            given.setdefault("PYTHONPATH", path)
        settings = [word for name, text in given.items() for word in ("--env", f"{name}={text}")]
        mounts = [word for folder in _python_folders() for word in ("--volume", f"{folder}:{folder}:ro")]
        names = ("--network", self._network, "--network-alias", self.name, "--hostname", self.name)
        who = ("--user", f"{os.getuid()}:{os.getgid()}", "--entrypoint", sys.executable)
        _command(
            *("docker", "run", "--detach", "--name", self._container, *names, *who, *settings, *mounts),
            *("--volume", f"{self.job.base}:{self.base}", os.environ[IMAGE_ENV], "-m", "smc_core", "run"),
        )

    def wait(self, seconds: float = SECONDS) -> JobResult:
        try:
            subprocess.run(  # noqa: S603
                ["docker", "wait", self._container],  # noqa: S607
                stdout=subprocess.DEVNULL,
                timeout=seconds,
                check=True,
            )
        except subprocess.TimeoutExpired as error:
            raise AssertionError(f"{self.name} has not ended after {seconds:g} s:\n{self.output()}") from error
        code = int(_command("docker", "inspect", "--format", "{{.State.ExitCode}}", self._container).stdout)
        logs = _command("docker", "logs", self._container)
        return self.job.result(code, logs.stdout, logs.stderr)

    def kill(self) -> None:
        _command("docker", "kill", self._container)

    def stop(self) -> None:
        _command("docker", "kill", "--signal", "TERM", self._container)

    def output(self) -> str:
        logs = _command("docker", "logs", self._container)
        return logs.stdout + logs.stderr

    def close(self) -> None:
        _command("docker", "rm", "--force", "--volumes", self._container, check=False)


class _NamespaceNetwork(_Network):
    """Network namespaces, connected by a bridge in a separate one: the machine's own network is not touched."""

    def __init__(self, folder: Path, names: Sequence[str]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._id = uuid.uuid4().hex[:8]
        self._names = names
        self._switch = f"smc-{self._id}"
        lines = [f"192.0.2.{number}\t{name}\n" for number, name in enumerate(names, 1)]  # TEST-NET-1, RFC 5737
        (folder / "hosts").write_text("127.0.0.1\tlocalhost\n" + "".join(lines))
        self._made: list[str] = []
        self._make(self._switch)
        self._in(self._switch, "link", "add", "switch", "type", "bridge")
        self._in(self._switch, "link", "set", "switch", "up")

    def host(self, name: str, job: JobFolder) -> Host:
        number = self._names.index(name) + 1
        space = f"{self._switch}-{number}"
        self._make(space)
        port = f"host{number}"
        self._in(self._switch, "link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", space)
        self._in(self._switch, "link", "set", port, "master", "switch", "up")
        self._in(space, "address", "add", f"192.0.2.{number}/24", "dev", "eth0")
        self._in(space, "link", "set", "eth0", "up")
        return _Namespace(name, job, space, self._folder / "hosts")

    def close(self) -> None:
        for space in reversed(self._made):
            _command("ip", "netns", "delete", space, check=False)

    def _make(self, space: str) -> None:
        _command("ip", "netns", "add", space)
        self._made.append(space)

    def _in(self, space: str, *arguments: str) -> None:
        _command("ip", "-netns", space, *arguments)


class _Namespace(Host):
    def __init__(self, name: str, job: JobFolder, space: str, hosts: Path) -> None:
        super().__init__(name, job, str(job.base))
        self._space = space
        self._hosts = hosts
        self._running: Running[JobResult] | None = None

    def start(self, program: str | None = None, **variables: str) -> None:
        self.close()
        apart = ("unshare", "--uts", "--pid", "--fork", "--kill-child=KILL", "--mount-proc")
        become = ("sh", "-ec", _BECOME, "sh", str(self._hosts), self.name)
        command = ("ip", "netns", "exec", self._space, *apart, *become, sys.executable, "-m", "smc_core", "run")
        self._running = self.job.start_command(command, self.job.environ(program, **variables))

    def wait(self, seconds: float = SECONDS) -> JobResult:
        result = self._started().wait(seconds)
        return replace(result, exit_code=exit_code(result.exit_code))

    def kill(self) -> None:
        _command("ip", "-netns", self._space, "link", "set", "eth0", "down")
        self._started().close()

    def stop(self) -> None:
        for pid in self._inner():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)

    def output(self) -> str:
        return "" if self._running is None else self._running.stdout + self._running.stderr

    def close(self) -> None:
        if self._running is not None:
            self._running.close()
            self._running = None

    def _started(self) -> Running[JobResult]:
        if self._running is None:
            raise ValueError(f"{self.name} was not started")
        return self._running

    def _inner(self) -> list[int]:
        """The process that is PID 1 of the host: the child of ``unshare``."""
        pid = self._started().pid
        children = Path(f"/proc/{pid}/task/{pid}/children")
        return [int(child) for child in children.read_text().split()]
