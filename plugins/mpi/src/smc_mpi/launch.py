"""The commands of a job's hosts: ``mpirun`` on the master, and on every other host the program that starts its daemon.

``mpirun`` reaches other hosts through a program that takes a host and a command, ``ssh`` by default. Here it is
``agent.py``, which passes the command to ``serve.py`` on that host. So no ``sshd`` and no keys are needed, and every
rank has the variables of its own host, because the daemon that starts it has them.
"""

from __future__ import annotations

import os
import sys

from smc_core.command import Command
from smc_core.contract import LAUNCHER_ENV
from smc_core.environment import Environment
from smc_core.errors import ConfigurationError
from smc_core.kit import Ports, is_asked_for, log_line, processes_per_host, takes_part
from smc_mpi.programs import AGENT, MASTER, RANK, SERVE

LAUNCHER = "mpi"
ENABLED_PARAM = "sagemaker_mpi_enabled"
TOTAL_PARAM = "sagemaker_mpi_num_processes"
LOOPBACK = "lo"
"""The interface of hosts that are simulated on one machine (``smc run --hosts``)."""
OPTIONS_PARAM = "sagemaker_mpi_custom_mpi_options"
_NUMBER_OPTIONS = frozenset({"n", "np", "c"})


def mpirun_command(environment: Environment, command: Command, interfaces: str = "/sys/class/net") -> Command | None:
    """What this host runs if the job asks for MPI; None if it does not, or if this host does not take part.

    Args:
        environment: the Environment of the job.
        command: what would run without a launcher.
        interfaces: the folder that lists this machine's network interfaces.

    Raises:
        ConfigurationError: there is no ``mpirun``, or a number or option is wrong.

    """
    if not is_asked_for(LAUNCHER, ENABLED_PARAM, environment, command.environ):
        return None
    hosts = environment.distribution_hosts
    if not takes_part(environment):
        log_line(f"{environment.current_host} runs without MPI: its instance group does not distribute")
        return None
    mpirun = _find_mpirun(command.environ.get("PATH"))
    if mpirun is None:
        raise ConfigurationError(
            f"the job asks for MPI, and there is no mpirun; install Open MPI in the image (Debian's openmpi-bin, or "
            f"pip install 'smc-mpi[framework]'), or set {LAUNCHER_ENV}=none"
        )
    if len(hosts) > 1 and environment.network_interface_name == LOOPBACK:
        raise ConfigurationError(
            f"Open MPI cannot run on {len(hosts)} hosts that share one machine's addresses; "
            f"leave --hosts out, and set SMC_PROCESSES_PER_HOST={len(hosts)}"
        )
    if not environment.hosts_resolve:
        raise ConfigurationError(
            f"Open MPI needs the address of each host, and {environment.platform} says only the master's; "
            "use a launcher that needs no more, such as torchrun"
        )
    [port] = Ports.of(environment.master_port).own(1)
    if not environment.is_master:
        serve = [sys.executable, SERVE, "--host", environment.current_host, "--master", environment.master_hostname]
        argv = (*serve, "--port", str(port), "--daemons", os.path.dirname(mpirun))
        return command._replace(argv=argv, launcher=LAUNCHER, serves=True, signals="process")
    per_host, _ = processes_per_host(environment, command.environ)
    prefix = (
        *(sys.executable, MASTER, "--"),
        mpirun,
        *_mpirun_options(environment, per_host),
        *(sys.executable, RANK, command.signals, "--"),
    )
    settings = _settings(environment, port, interfaces) if len(hosts) > 1 else {}
    missing = {name: text for name, text in settings.items() if name not in command.environ}
    return command.under(prefix, LAUNCHER, missing)


def _find_mpirun(path: str | None) -> str | None:
    """``mpirun`` on PATH, or else beside this interpreter: its virtual environment may not be activated."""
    import shutil

    return shutil.which("mpirun", path=path) or shutil.which("mpirun", path=os.path.dirname(sys.executable))


def _mpirun_options(environment: Environment, per_host: int) -> list[str]:
    hosts = environment.distribution_hosts
    total = per_host * len(hosts)
    given = environment.param(TOTAL_PARAM)
    if given is not None:
        if not given.strip().isdecimal() or int(given) < 1:
            raise ConfigurationError(f"hyperparameter {TOTAL_PARAM} is {str(given)!r}, not a whole number from 1 on")
        total = int(given)
    slots = max(per_host, -(-total // len(hosts)))
    import shlex

    try:
        own = shlex.split(environment.param(OPTIONS_PARAM) or "")
    except ValueError as error:
        raise ConfigurationError(f"hyperparameter {OPTIONS_PARAM} is no command line: {error}") from error
    own = _without_number(own, total)
    names = [f"{host}:{slots}" for host in (hosts if len(hosts) > 1 else ["localhost"])]
    root = ["--allow-run-as-root"] if os.geteuid() == 0 else []
    return [*root, "--host", ",".join(names), "-np", str(total), "--bind-to", "none", *own]


def _without_number(options: list[str], total: int) -> list[str]:
    """Options of ``mpirun`` without the number of ranks: that is set elsewhere, since slots are counted by it too."""
    kept = []
    words = iter(options)
    for word in words:
        name, is_one, _ = word.partition("=")
        if name.lstrip("-") in _NUMBER_OPTIONS and name.startswith("-"):
            number = word if is_one else f"{word} {next(words, '')}".rstrip()
            log_line(f"{number} in {OPTIONS_PARAM} is ignored: {TOTAL_PARAM} sets the number of ranks, here {total}")
        else:
            kept.append(word)
    return kept


def _settings(environment: Environment, port: int, interfaces: str) -> dict[str, str]:
    """Open MPI's own settings, by the names of its versions 4 (``OMPI_MCA``) and 5 (``PRTE_MCA``)."""
    agent = f"{sys.executable} {AGENT} --port {port}"
    if len(agent.split()) != 4:
        raise ConfigurationError(
            f"Open MPI does not accept spaces in the path of its launch agent: {agent}; "
            "install Python and smc-mpi in a folder without one"
        )
    settings = {
        "OMPI_MCA_plm_rsh_agent": agent,
        "PRTE_MCA_plm_ssh_agent": agent,
        "OMPI_MCA_plm_rsh_no_tree_spawn": "1",  # only the master starts daemons
        "PRTE_MCA_plm_ssh_no_tree_spawn": "1",
    }
    interface = environment.network_interface_name
    if os.path.exists(os.path.join(interfaces, interface)):
        settings["OMPI_MCA_btl_tcp_if_include"] = interface
        settings["OMPI_MCA_oob_tcp_if_include"] = interface
        settings["PRTE_MCA_prte_if_include"] = interface
    return settings
