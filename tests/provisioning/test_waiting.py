"""Waiting, and what /proc says of open ports."""

from __future__ import annotations

import pytest

from bocage_provisioning.lab.errors import LabError
from bocage_provisioning.lab.waiting import listening_ports, wait_until

# Recorded: /proc/<pid>/net/tcp6 with a listener at 7431 and a connection from 7431.
TCP6 = """\
  sl  local_address                         remote_address                        st tx_queue
   0: 00000000000000000000000001000000:1D07 00000000000000000000000000000000:0000 0A 00000000
   1: 0000000000000000FFFF00000100007F:1D08 0000000000000000FFFF00000100007F:9C40 01 00000000
"""


def test_only_listening_ports_are_given() -> None:
    assert listening_ports(TCP6) == {7431}
    assert listening_ports(TCP6.splitlines()[0]) == frozenset()


def test_waiting_ends_when_it_holds() -> None:
    looks = iter([False, False, True])
    assert wait_until(lambda: next(looks), 5, "a third look") >= 0


def test_waiting_has_an_end_and_says_for_what() -> None:
    with pytest.raises(LabError, match="the tunnel"):
        wait_until(lambda: False, 0.0, "the tunnel")
