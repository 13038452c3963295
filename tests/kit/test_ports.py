"""The ports of a job, counted from the master's."""

from __future__ import annotations

import pytest

from smc_core.errors import ConfigurationError
from smc_core.kit import Ports


def test_no_two_users_share_a_port() -> None:
    ports = Ports.of(7777)
    assert [ports.rendezvous, ports.watch, *ports.own(3)] == list(range(7777, 7782))


def test_ports_that_there_are_not_are_refused() -> None:
    assert list(Ports.of(65530).own(4)) == [65532, 65533, 65534, 65535]
    said = "SMC_MASTER_PORT=65530 leaves 4 of the 5 ports that the launcher needs above it; set it to 65529 or less"
    with pytest.raises(ConfigurationError, match=said):
        Ports.of(65530).own(5)
    assert list(Ports.of(65529).own(5))[-1] == 65535


def test_a_job_can_set_no_port_that_leaves_a_launcher_none() -> None:
    from smc_core.settings import MASTER_PORT

    assert MASTER_PORT.most is not None
    assert list(Ports.of(MASTER_PORT.most).own(1)) == [65535]
