"""A stand-in for the kubelet: what it does to a container that it starts, watches and stops.

A pod's process is PID 1 of a PID namespace, on a host name of its own. It gets the variables of Kubernetes, an
``/etc/hosts`` with its full name, and a file for its reason. It is stopped as a kubelet stops: the signal to PID 1 alone,
then SIGKILL when the grace period is over, which the kernel turns into the death of the whole namespace.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

MOST_OF_A_REASON = 4096
"""Bytes that a kubelet reads of the file."""
_SECONDS = 60.0


class Pod:
    """One pod of an Indexed Job.

    Args:
        folder: its folder: the volume with the job, and the reason.
        index: its ``JOB_COMPLETION_INDEX``.
        variables: further variables, as a manifest has them.

    """

    def __init__(self, folder: Path, index: int = 0, variables: Mapping[str, str] | None = None) -> None:
        self.base = folder / "opt-ml"
        self.name = f"digits-{index}"
        self._reason = folder / "termination-log"
        self._hosts = folder / "hosts"
        (self.base / "code").mkdir(parents=True, exist_ok=True)
        self._reason.write_bytes(b"")
        self._hosts.write_text(f"127.0.0.1\tlocalhost\n127.0.0.1\t{self.name}.jobs.ml.svc.cluster.local\t{self.name}\n")
        self._variables = {
            **os.environ,
            "KUBERNETES_SERVICE_HOST": "10.96.0.1",
            "KUBERNETES_SERVICE_PORT": "443",
            "JOB_COMPLETION_INDEX": str(index),
            "HOSTNAME": self.name,
            "SAGEMAKER_BASE_DIR": str(self.base),
            "SMC_TERMINATION_LOG": str(self._reason),  # a real pod has it below /dev, which is this machine's here
            **(variables or {}),
        }
        self._outer: subprocess.Popen[str] | None = None
        self._is_killed = False

    def start(self, code: str, *arguments: str) -> None:
        """Start ``smc run`` on ``train.py`` as PID 1.

        Args:
            code: the content of ``train.py``.
            arguments: what follows ``smc run``; by default the variables name the program.

        """
        (self.base / "code/train.py").write_text(code)
        inside = (
            f"mount --bind '{self._hosts}' /etc/hosts && hostname {self.name} && mount -t proc proc /proc && "
            'exec "$@"'
        )
        command = ["unshare", "--pid", "--fork", "--mount", "--uts", "--kill-child", "sh", "-c", inside, "sh"]
        self._outer = subprocess.Popen(
            [*command, sys.executable, "-m", "smc_core", "run", *arguments],
            env={"SAGEMAKER_PROGRAM": "train.py", **self._variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def read_until(self, line: str) -> None:
        """Read the log up to a line."""
        assert self._outer is not None
        assert self._outer.stdout is not None
        read = []
        for each in self._outer.stdout:
            read.append(each)
            if each.rstrip("\n") == line:
                return
        raise AssertionError(f"the pod ended without the line {line!r}:\n{''.join(read)}")

    def stop(self, grace: float = 30.0, number: int = signal.SIGTERM) -> int:
        """Stop it as a kubelet does.

        Args:
            grace: ``terminationGracePeriodSeconds``.
            number: the signal of the image (``STOPSIGNAL``).

        Returns:
            The exit code: 137 after SIGKILL.

        """
        assert self._outer is not None
        pid = self._init()
        os.kill(pid, number)
        try:
            return self._outer.wait(grace)
        except subprocess.TimeoutExpired:
            self.kill()
            return self.wait()

    def wait(self) -> int:
        """Wait until it has ended; its exit code."""
        assert self._outer is not None
        code = self._outer.wait(_SECONDS)
        return 137 if self._is_killed else code  # of a child that was killed unshare(1) says no more than 1

    def kill(self) -> None:
        """Kill PID 1, as the kernel does for lack of memory."""
        os.kill(self._init(), signal.SIGKILL)
        self._is_killed = True

    @property
    def reason(self) -> str:
        """What the kubelet reads when the container has ended: at most 4,096 bytes."""
        return self._reason.read_bytes()[:MOST_OF_A_REASON].decode()

    def close(self) -> None:
        """End it, whatever it does."""
        if self._outer is not None:
            if self._outer.poll() is None:
                self._outer.kill()  # --kill-child ends the namespace
            self._outer.communicate()

    def _init(self) -> int:
        """PID 1 of the pod, by its id outside."""
        assert self._outer is not None
        deadline = time.monotonic() + _SECONDS
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError, ValueError):
                children = Path(f"/proc/{self._outer.pid}/task/{self._outer.pid}/children").read_text().split()
                return int(children[0])
            time.sleep(0.01)
        raise AssertionError("the pod has no process")


@contextlib.contextmanager
def pods(folder: Path, count: int = 1, **variables: str) -> Iterator[list[Pod]]:
    """The pods of a job, each with a folder of its own; they are gone afterwards."""
    made = [Pod(folder / str(index), index, variables) for index in range(count)]
    try:
        yield made
    finally:
        for pod in made:
            pod.close()
