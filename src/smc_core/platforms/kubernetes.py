"""Kubernetes: Indexed Jobs, JobSets, and any other pod.

Source: the pages "Job" and "Pod termination" of Kubernetes' documentation, and the annotations of JobSet. No variable
says how many pods there are: many Indexed Jobs are arrays of independent jobs. ``SMC_HOST_COUNT`` makes them hosts.
"""

from __future__ import annotations

import os

from smc_core.platforms.base import KUBERNETES, Platform
from smc_core.platforms.reader import Reader
from smc_core.regular_file import read_regular
from smc_core.settings import HOST_COUNT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

NAME = "kubernetes"
STOP_SECONDS: float | None = 30.0
"""The default of ``terminationGracePeriodSeconds``, which a pod cannot see."""
MARKER = "`KUBERNETES_SERVICE_HOST`, `JOB_COMPLETION_INDEX`"
HOSTS = "`SMC_HOST_COUNT`; names from the pod's own"
RANK = "`JOB_COMPLETION_INDEX`"
MASTER = "the pod with index 0"
_INDEX = "JOB_COMPLETION_INDEX"
_LARGEST = 64 * 1024
"""Bytes that are read of ``/etc/hosts``."""


def is_here(environ: Mapping[str, str], root: str) -> bool:
    """Whether this is a pod."""
    return KUBERNETES in environ


def signals_every_process(environ: Mapping[str, str]) -> bool:
    """Whether the stop signal reaches more than the first process."""
    return False


def describe(reader: Reader) -> Platform:
    """The pods of an Indexed Job or of one Job of a JobSet, if their number is given; else this pod alone."""
    platform = Platform(NAME)
    own = reader.environ.get("HOSTNAME") or os.uname().nodename
    job, _, suffix = own.rpartition("-")
    count = reader.host_count()
    if _INDEX not in reader.environ:
        if count is not None and count > 1:
            raise reader.refused(HOST_COUNT.name, f"for a pod without {_INDEX}: use a Job with completionMode: Indexed")
        return platform
    index = reader.number("rank", _INDEX)
    if job and suffix == str(index):
        platform.job_name = platform.job_id = job
        reader.sources.update(job_name="HOSTNAME", job_id="HOSTNAME")
    if count is None or count == 1:
        platform.job_id = own if job and suffix == str(index) else None  # each pod is a job of its own
    if count == 1:
        return platform
    if count is None:
        platform.no_launcher = (
            f"nothing says how many pods this job has: set {HOST_COUNT} to spec.completions, "
            "or to 1 if each pod is a job of its own"
        )
        if index:
            platform.notes.append(
                f"this pod has index {index} and trains alone; {HOST_COUNT}=N joins the N pods of the job"
            )
        return platform
    if platform.job_name is None:
        raise reader.refused("HOSTNAME", f"the name of a pod of an Indexed Job, which ends with -{index}", own)
    platform.rank = reader.rank(count, _INDEX)
    domain = _domain(own, reader.root)
    platform.hosts = [f"{platform.job_name}-{each}{domain}" for each in range(count)]
    platform.attempt = reader.number("attempt", "JOBSET_RESTART_ATTEMPT") or 0
    if not domain and count > 1:
        platform.notes.append(
            f"the name {own} has no domain: pods find each other only with a headless Service, "
            "whose name is the subdomain of the pods"
        )
    return platform


def _domain(own: str, root: str) -> str:
    """The domain of this pod, with its dot: the kubelet writes the full name into ``/etc/hosts``."""
    content = read_regular(os.path.join(root, "etc/hosts"), _LARGEST, follow=True) or b""
    for line in content.decode("ascii", "replace").splitlines():
        for name in line.partition("#")[0].split()[1:]:
            if name.startswith(f"{own}."):
                return name[len(own) :]
    return ""
