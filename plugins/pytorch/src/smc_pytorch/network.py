"""Settings of NCCL, Gloo and libfabric for several hosts, derived from the hardware.

What is set here, and why:

- ``NCCL_SOCKET_IFNAME`` and ``GLOO_SOCKET_IFNAME`` name the interface between the hosts, if it exists here: by
  default, each library takes the first one that it finds.
- With EFA devices, ``FI_PROVIDER=efa`` keeps libfabric from falling back to TCP unnoticed, and ``FI_EFA_FORK_SAFE=1``
  lets data loaders fork. libfabric ignores it where the kernel copies on fork (Linux 5.13 and later); aws-ofi-nccl
  sets it too.
- ``FI_EFA_USE_DEVICE_RDMA=1`` is for devices that support it but for which libfabric does not enable it. libfabric
  disables it for the PCI ids 0xefa0 and 0xefa1, and enables it for later ones that support it. If it is requested and
  the device does not support it, libfabric *aborts* the process (``fi_efa(7)``; its pull requests 8186, 8573 and
  8661). Among the machines with 0xefa1, those with several devices support it (p4d, p4de), and those with one do not
  (g5). So it is requested only on the former.
- ``NCCL_PROTO`` and ``NCCL_IB_DISABLE`` of the classic toolkit are not set: aws-ofi-nccl chooses the protocol itself,
  and machines with InfiniBand should use it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from smc_core.environment import Environment
from smc_core.kit import takes_part

SYS = "/sys"
_RDMA_ON_REQUEST = 0xEFA1
"""PCI device id of the EFA devices whose RDMA libfabric uses only where it is asked to."""


def network_variables(
    environment: Environment, environ: Mapping[str, str], sys_root: str | os.PathLike[str] = SYS
) -> dict[str, str]:
    """The missing settings for training on several hosts; those that the user has set are left as they are.

    Args:
        environment: the Environment of the job.
        environ: the variables that the job has already.
        sys_root: where sysfs is mounted.

    Returns:
        Variable → value; empty if this host trains alone.

    """
    if len(environment.distribution_hosts) < 2 or not takes_part(environment):
        return {}
    from pathlib import Path

    root = Path(sys_root)
    wanted = {
        "MASTER_ADDR": environment.master_hostname,
        "MASTER_PORT": str(environment.master_port),
        "NCCL_DEBUG": "WARN",
    }
    interface = environment.network_interface_name
    if (root / "class/net" / interface).exists():
        wanted |= {"NCCL_SOCKET_IFNAME": interface, "GLOO_SOCKET_IFNAME": interface}
    devices = efa_devices(root)
    if devices:
        wanted |= {"FI_PROVIDER": "efa", "FI_EFA_FORK_SAFE": "1"}
        if len(devices) > 1 and all(device == _RDMA_ON_REQUEST for device in devices):
            wanted["FI_EFA_USE_DEVICE_RDMA"] = "1"
    return {name: value for name, value in wanted.items() if name not in environ}


def efa_devices(sys_root: str | os.PathLike[str] = SYS) -> list[int]:
    """PCI device ids, such as 0xefa1, of the EFA devices of this machine.

    They are the InfiniBand devices whose driver is ``efa`` (``Documentation/ABI/stable/sysfs-class-infiniband`` and
    ``Documentation/ABI/testing/sysfs-bus-pci`` of Linux).

    Args:
        sys_root: where sysfs is mounted.

    """
    from pathlib import Path

    found = []
    for device in sorted(Path(sys_root).glob("class/infiniband/*/device")):
        try:
            if os.path.basename(os.path.realpath(device / "driver")) == "efa":
                found.append(int((device / "device").read_text(), 16))
        except (OSError, ValueError):
            continue
    return found
