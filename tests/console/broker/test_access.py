from __future__ import annotations

from bocage_console.broker.access import INGEST, WITNESS, access_list, devices_of


def test_a_box_writes_up_and_reads_down_below_its_own_name() -> None:
    text = access_list(["flers-1"])
    (ours,) = [block for block in text.split("\n\n") if block.startswith("user flers-1")]
    assert ours.split() == [
        *("user", "flers-1"),
        *("topic", "write", "bocage/1/flers-1/status"),
        *("topic", "write", "bocage/1/flers-1/health"),
        *("topic", "write", "bocage/1/flers-1/events"),
        *("topic", "write", "bocage/1/flers-1/reported"),
        *("topic", "read", "bocage/1/flers-1/desired"),
        *("topic", "read", "bocage/1/flers-1/command"),
        *("topic", "read", "bocage/1/flers-1/ack"),
    ]


def test_without_boxes_only_the_console_itself_is_on_the_list() -> None:
    assert [line for line in access_list([]).splitlines() if line.startswith("user")] == [
        f"user {INGEST}",
        f"user {WITNESS}",
    ]


def test_the_boxes_of_a_list_are_read_back() -> None:
    assert devices_of(access_list(["flers-1", "caen-1"])) == {"flers-1", "caen-1"}
    assert devices_of("") == frozenset()


def test_the_list_of_the_same_boxes_is_the_same() -> None:
    assert access_list(["b", "a", "a"]) == access_list(["a", "b"])
