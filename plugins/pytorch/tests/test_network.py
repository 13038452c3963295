"""Settings of NCCL, Gloo and libfabric from made-up trees of sysfs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from smc_core.environment import Environment
from smc_core.testing import JobFolder
from smc_pytorch.network import efa_devices, network_variables


def sysfs(root: Path, *, interfaces: Sequence[str] = ("lo",), devices: Sequence[tuple[str, str]] = ()) -> Path:
    """A tree with these network interfaces, and InfiniBand devices by driver and PCI device id."""
    for name in interfaces:
        (root / "class/net" / name).mkdir(parents=True)
    for number, (driver, device) in enumerate(devices):
        pci = root / f"devices/pci/{number}"
        (root / "bus/pci/drivers" / driver).mkdir(parents=True, exist_ok=True)
        pci.mkdir(parents=True)
        (pci / "device").write_text(f"{device}\n")
        (pci / "driver").symlink_to(root / "bus/pci/drivers" / driver)
        (root / f"class/infiniband/rdmap{number}").mkdir(parents=True)
        (root / f"class/infiniband/rdmap{number}/device").symlink_to(pci)
    return root


@pytest.fixture
def environment(job: JobFolder) -> Environment:
    """Of the second of two hosts."""
    job.hosts("algo-1", "algo-2", current="algo-2")
    return Environment.create(base_dir=str(job.base), environ={})


def test_the_interface_is_named_where_it_exists(environment: Environment, tmp_path: Path) -> None:
    root = sysfs(tmp_path / "sys", interfaces=["lo", "eth0"])
    found = network_variables(environment, {}, root)
    assert (found["NCCL_SOCKET_IFNAME"], found["GLOO_SOCKET_IFNAME"]) == ("eth0", "eth0")


def test_an_interface_that_is_not_here_is_not_named(environment: Environment, tmp_path: Path) -> None:
    found = network_variables(environment, {}, sysfs(tmp_path / "sys", interfaces=["lo", "ens5"]))
    assert set(found) == {"MASTER_ADDR", "MASTER_PORT", "NCCL_DEBUG"}


def test_one_host_needs_no_network(job: JobFolder, tmp_path: Path) -> None:
    alone = Environment.create(base_dir=str(job.base), environ={})
    root = sysfs(tmp_path / "sys", interfaces=["eth0"], devices=[("efa", "0xefa1")] * 4)
    assert network_variables(alone, {}, root) == {}


def test_efa_devices_are_told_by_their_driver(tmp_path: Path) -> None:
    root = sysfs(tmp_path / "sys", devices=[("efa", "0xefa2"), ("mlx5_core", "0x1017"), ("efa", "0xefa2")])
    assert efa_devices(root) == [0xEFA2, 0xEFA2]
    assert efa_devices(tmp_path / "none") == []


def test_a_device_that_cannot_be_read_is_passed_over(tmp_path: Path) -> None:
    root = sysfs(tmp_path / "sys", devices=[("efa", "not a number"), ("efa", "0xefa0")])
    assert efa_devices(root) == [0xEFA0]


@pytest.mark.parametrize(
    ("devices", "rdma"),
    [
        (["0xefa0"], None),  # p3dn: cannot
        (["0xefa1"], None),  # g5: cannot, and libfabric aborts where it is asked for
        (["0xefa1"] * 4, "1"),  # p4d: can, and libfabric leaves it off unless asked
        (["0xefa2"] * 32, None),  # p5: libfabric has it on by itself
    ],
)
def test_rdma_is_asked_for_where_libfabric_wants_to_be_asked(
    environment: Environment, tmp_path: Path, devices: list[str], rdma: str | None
) -> None:
    root = sysfs(tmp_path / "sys", devices=[("efa", device) for device in devices])
    found = network_variables(environment, {}, root)
    assert (found["FI_PROVIDER"], found["FI_EFA_FORK_SAFE"]) == ("efa", "1")
    assert found.get("FI_EFA_USE_DEVICE_RDMA") == rdma


def test_what_the_user_has_set_wins(environment: Environment, tmp_path: Path) -> None:
    root = sysfs(tmp_path / "sys", interfaces=["eth0"], devices=[("efa", "0xefa1")] * 4)
    users = dict.fromkeys(network_variables(environment, {}, root), "the user's")
    assert network_variables(environment, users, root) == {}
    assert network_variables(environment, {"NCCL_DEBUG": "INFO"}, root).keys() == users.keys() - {"NCCL_DEBUG"}
