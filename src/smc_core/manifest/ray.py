"""A Python program that is the entry point of a Ray job: it runs ``smc`` once on each of several nodes."""

from __future__ import annotations

import json

from smc_core.manifest.request import Request, unsupported

_PROGRAM = """\
# Runs smc on {hosts} nodes of a Ray cluster, as the entry point of a job:
#   ray job submit --working-dir . -- python job.py
import json
import os
import signal
import socket
import subprocess

import ray
from ray.util.placement_group import placement_group
from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

HOSTS = {hosts}
BUNDLE = json.loads({bundle})  # what a node must have free
COMMAND = json.loads({command})
VARIABLES = json.loads({variables})
GRACE = {grace}  # seconds from SIGTERM to SIGKILL


@ray.remote(max_restarts=0, max_concurrency=3)
class Host:
    process = None

    def address(self):
        with socket.socket() as free:
            free.bind(("", 0))
            return ray.util.get_node_ip_address(), free.getsockname()[1]

    def run(self, rank, master, port, job):
        told = {{"RANK": rank, "NODE_RANK": rank, "WORLD_SIZE": HOSTS, "LOCAL_RANK": 0, "LOCAL_WORLD_SIZE": 1}}
        told |= {{"MASTER_ADDR": master, "MASTER_PORT": port, "RAY_JOB_ID": job, "SMC_PLATFORM": "ray"}}
        environ = {{**os.environ, **VARIABLES, **{{name: str(value) for name, value in told.items()}}}}
        self.process = subprocess.Popen(COMMAND, env=environ, stdin=subprocess.DEVNULL)
        return self.process.wait()

    def stop(self):
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(GRACE)
        except subprocess.TimeoutExpired:
            self.process.kill()


def main():
    ray.init()
    # One bundle a node: the job waits until so many nodes have the room.
    group = placement_group([BUNDLE] * HOSTS, strategy="STRICT_SPREAD")
    ray.get(group.ready())
    kind = {{"num_cpus": BUNDLE["CPU"], "num_gpus": BUNDLE.get("GPU", 0), "memory": BUNDLE.get("memory")}}
    hosts = [
        Host.options(
            **kind, scheduling_strategy=PlacementGroupSchedulingStrategy(group, placement_group_bundle_index=rank)
        ).remote()
        for rank in range(HOSTS)
    ]
    master, port = ray.get(hosts[0].address.remote())
    job = ray.get_runtime_context().get_job_id()
    running = [host.run.remote(rank, master, port, job) for rank, host in enumerate(hosts)]
    waiting, code = running, 0
    while waiting and not code:
        done, waiting = ray.wait(waiting)
        try:
            code = ray.get(done[0])
        except ray.exceptions.RayError as error:  # the node was lost
            print(f"rank {{running.index(done[0])}}: {{error}}", flush=True)
            code = {lost}
    stopping = [host.stop.remote() for host in hosts]
    ray.wait(stopping, num_returns=HOSTS, timeout=GRACE + 5)
    return code if code >= 0 else 128 - code


raise SystemExit(main())
"""


def write(request: Request) -> str:
    """The program."""
    from smc_core.errors import EXIT_HOST

    unsupported(
        "ray",
        [
            ("--image", request.image),
            ("--gpu-type", request.gpu_type),
            ("--time", request.minutes),
            ("--claim", request.claims),
            ("--role", request.role),
            ("--output", request.output),
            ("--checkpoints", request.checkpoints),
        ],
    )
    bundle = {"CPU": request.cpus or 1}
    if request.gpus:
        bundle["GPU"] = request.gpus
    if request.memory:
        bundle["memory"] = int(request.memory[:-1]) * (1024**3 if request.memory[-1] == "G" else 1024**2)
    return _PROGRAM.format(
        hosts=request.hosts,
        bundle=_quoted(bundle),
        command=_quoted(request.command()),
        variables=_quoted(request.variables),
        grace=request.grace,
        lost=EXIT_HOST,
    )


def _quoted(content: object) -> str:
    """JSON in ASCII, as a literal of Python."""
    return repr(json.dumps(content))
