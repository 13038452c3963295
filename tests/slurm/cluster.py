"""A real Slurm of two nodes on one machine: Debian's daemons, network namespaces, no munge and no systemd.

Needs root, and the packages slurmctld, slurmd, slurm-client and iproute2. Controller and nodes have a network namespace
each, and the switch between them has one: the machine's own network and its firewall rules play no part. Everything has
a name of its own and is gone afterwards; the machine's own Slurm, if there is one, is not touched.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path

PROGRAMS = ("slurmctld", "slurmd", "srun", "sbatch", "scancel", "ip", "nsenter", "unshare")
NODES = ("n1", "n2")
_HOSTS = ("n1", "n2", "ctl")
_NET = "192.0.2"
"""TEST-NET-1 (RFC 5737): only these namespaces have addresses of it."""
KILL_WAIT = 5
"""Seconds between SIGTERM and SIGKILL: Slurm's default is 30."""
GRACE_TIME = 3
"""Seconds that a preempted job has before that."""
_SECONDS = 60.0

_CONF = """\
ClusterName=smc
SlurmctldHost=ctl({net}.3)
AuthType=auth/none
CredType=cred/none
SlurmUser=root
SlurmdUser=root
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/%n
SlurmctldPidFile={folder}/ctld.pid
SlurmdPidFile={folder}/%n.pid
SlurmctldLogFile={folder}/log/ctld
SlurmdLogFile={folder}/log/%n
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
ReturnToService=2
MpiDefault=none
KillWait={kill_wait}
RequeueExit=75
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
SchedulerParameters=batch_sched_delay=0,sched_interval=1,bf_interval=1
NodeName=n1 NodeAddr={net}.1 NodeHostname=n1 CPUs=2 RealMemory=1000
NodeName=n2 NodeAddr={net}.2 NodeHostname=n2 CPUs=2 RealMemory=1000
PartitionName=low Nodes=n1,n2 Default=YES State=UP MaxTime=INFINITE PriorityTier=1 PreemptMode=REQUEUE GraceTime={grace}
PartitionName=high Nodes=n1,n2 State=UP MaxTime=INFINITE PriorityTier=9 PreemptMode=OFF
"""


class Cluster:
    """The running cluster.

    Args:
        folder: its folder, which both nodes share, as they share everything of this machine's disk.

    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._tag = f"smc-slurm-{uuid.uuid4().hex[:8]}"
        self._daemons: list[subprocess.Popen[bytes]] = []
        self.environ: dict[str, str] = {}

    def start(self) -> None:
        """Start the daemons, and wait until both nodes are idle.

        Raises:
            AssertionError: they are not within a minute; the message has the daemons' last words.

        """
        for name in ("state", "log", *NODES):
            (self.folder / name).mkdir(parents=True)
        conf = self.folder / "slurm.conf"
        conf.write_text(_CONF.format(net=_NET, folder=self.folder, kill_wait=KILL_WAIT, grace=GRACE_TIME))
        (self.folder / "cgroup.conf").write_text("CgroupPlugin=autodetect\n")
        hosts = self.folder / "hosts"
        names = "".join(f"{_NET}.{number} {name}\n" for number, name in enumerate(_HOSTS, 1))
        hosts.write_text(f"127.0.0.1 localhost\n{names}")
        self.environ = {**os.environ, "SLURM_CONF": str(conf)}
        self._make_network()
        programs = {name: f"slurmd -D -N {name} -f '{conf}'" for name in NODES}
        for name, program in {"ctl": f"slurmctld -D -f '{conf}'", **programs}.items():
            inside = f"hostname {name}; mount --bind '{hosts}' /etc/hosts; exec {program}"
            self._daemon(name, [*self._in(name), "unshare", "--uts", "--mount", "sh", "-c", inside])
        self._wait_for_nodes()

    def _in(self, name: str) -> list[str]:
        """The beginning of a command line that runs in the network of a host.

        Not ``ip netns exec``: that mounts a /sys without the cgroup file system, which slurmd wants.
        """
        return ["nsenter", f"--net=/run/netns/{self._tag}-{name}"]

    def _make_network(self) -> None:
        switch = f"{self._tag}-switch"
        _ip("netns", "add", switch)
        _ip("-n", switch, "link", "add", "switch", "type", "bridge")
        _ip("-n", switch, "link", "set", "switch", "up")
        for number, name in enumerate(_HOSTS, 1):
            space, cable = f"{self._tag}-{name}", f"host{number}"
            _ip("netns", "add", space)
            _ip("-n", switch, "link", "add", cable, "type", "veth", "peer", "name", "eth0", "netns", space)
            _ip("-n", switch, "link", "set", cable, "master", "switch", "up")
            _ip("-n", space, "addr", "add", f"{_NET}.{number}/24", "dev", "eth0")
            for device in ("eth0", "lo"):
                _ip("-n", space, "link", "set", device, "up")

    def _daemon(self, name: str, command: list[str]) -> None:
        with open(self.folder / f"log/{name}.out", "wb") as log:
            # the daemon dies with these tests, however they end: PDEATHSIG is kept over exec
            guarded = ["setpriv", "--pdeathsig", "KILL", *command] if shutil.which("setpriv") else command
            self._daemons.append(
                subprocess.Popen(guarded, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True)
            )

    def _wait_for_nodes(self) -> None:
        deadline = time.monotonic() + _SECONDS
        while time.monotonic() < deadline:
            if self.run("sinfo", "-h", "-p", "low", "-N", "-o", "%T").stdout.split() == ["idle", "idle"]:
                return
            time.sleep(0.2)
        raise AssertionError(f"Slurm does not start:\n{self.logs()}")

    def logs(self) -> str:
        """The last lines of the daemons."""
        files = sorted((self.folder / "log").iterdir())
        return "\n".join(f"== {file.name}\n" + "\n".join(file.read_text().splitlines()[-15:]) for file in files)

    def run(self, *command: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run a command of Slurm to its end, and return its output."""
        environ = {**self.environ, **variables}
        return subprocess.run(
            [*self._in("ctl"), *command], env=environ, capture_output=True, text=True, timeout=300, check=False
        )

    def srun(self, folder: Path, *command: str, **variables: str) -> subprocess.Popen[str]:
        """Start ``srun`` in a folder; its stdout and stderr are pipes."""
        return subprocess.Popen(
            [*self._in("ctl"), "srun", *command],
            env={**self.environ, **variables},
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def sbatch(self, folder: Path, script: str, *options: str, variables: Mapping[str, str] | None = None) -> str:
        """Submit a script; returns the job's id."""
        path = folder / "job.sbatch"
        path.write_text(script)
        found = subprocess.run(
            [*self._in("ctl"), "sbatch", "--parsable", *options, str(path)],
            env={**self.environ, **(variables or {})},
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
        assert found.returncode == 0, found.stderr
        return found.stdout.strip().partition(";")[0]

    def state(self, job: str) -> dict[str, str]:
        """What ``scontrol`` says of a job."""
        words = self.run("scontrol", "show", "job", job).stdout.split()
        return dict(word.partition("=")[::2] for word in words if "=" in word)

    def wait_for(self, job: str, *states: str, seconds: float = 90.0) -> dict[str, str]:
        """Wait until a job is in one of these states."""
        deadline = time.monotonic() + seconds
        while True:
            state = self.state(job)
            if state.get("JobState") in states:
                return state
            assert time.monotonic() < deadline, f"job {job}: {state.get('JobState')}\n{self.logs()}"
            time.sleep(0.2)

    def wait_until_idle(self) -> None:
        """Cancel what is left, and wait until both nodes are free."""
        self.run("scancel", "--user", "root", "--signal", "KILL", "--full")
        self.run("scancel", "--user", "root")
        self._wait_for_nodes()

    def stop(self) -> None:
        """Stop the daemons, and remove the network."""
        for daemon in reversed(self._daemons):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(daemon.pid, signal.SIGTERM)
        for daemon in self._daemons:
            try:
                daemon.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(daemon.pid, signal.SIGKILL)
                daemon.wait()
        for name in (*_HOSTS, "switch"):
            subprocess.run(["ip", "netns", "del", f"{self._tag}-{name}"], capture_output=True, check=False)


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)


@contextlib.contextmanager
def cluster(folder: Path) -> Iterator[Cluster]:
    """A cluster that is gone afterwards."""
    made = Cluster(folder)
    try:
        made.start()
        yield made
    finally:
        made.stop()


def missing() -> str:
    """Why no cluster can be made here; empty if one can."""
    programs = [name for name in PROGRAMS if shutil.which(name) is None]
    if programs:
        return f"not installed: {', '.join(programs)} (Debian: slurmctld slurmd slurm-client iproute2 util-linux)"
    return "" if os.geteuid() == 0 else "network namespaces need root"
