from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bocage_contract.errors import MessageError
from bocage_contract.fleet.topics import (
    Down,
    Up,
    access_patterns,
    of_every_box,
    read_topic,
    topic,
)

DEVICES = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?", fullmatch=True)


@given(DEVICES, st.sampled_from(Up))
def test_what_a_box_publishes_is_told_from_its_topic(device: str, leaf: Up) -> None:
    assert read_topic(topic(device, leaf)) == (device, leaf)


@pytest.mark.parametrize("leaf", Down)
def test_a_box_publishes_nothing_downwards(leaf: Down) -> None:
    with pytest.raises(MessageError):
        read_topic(topic("hospital", leaf))


@pytest.mark.parametrize(
    "name",
    [
        "",
        "bocage/1//status",
        "bocage/2/a/status",
        "bocage/1/a/b/status",
        "bocage/1/A/status",
        "bocage/1/+/status",
        "bocage/1/#",
        "x/bocage/1/a/status",
        "bocage/1/a/status\n",
    ],
)
def test_foreign_topics_are_refused(name: str) -> None:
    with pytest.raises(MessageError):
        read_topic(name)


def test_a_box_may_write_up_and_read_down_and_nothing_else() -> None:
    lines = access_patterns()
    assert {line.split()[1] for line in lines if line.split("/")[-1] in set(Up)} == {"write"}
    assert {line.split()[1] for line in lines if line.split("/")[-1] in set(Down)} == {"read"}
    assert len(lines) == len(Up) + len(Down)
    assert all("/%u/" in line for line in lines)
    assert of_every_box(Up.EVENTS) == topic("x", Up.EVENTS).replace("/x/", "/+/")
