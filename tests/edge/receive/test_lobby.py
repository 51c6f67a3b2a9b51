"""Connections before they have a thread."""

from __future__ import annotations

from bocage_edge.receive.lobby import MAX_OF_ONE_STRANGER, MAX_STRANGERS, SPARE_CONNECTIONS, Lobby


def enter(lobby: Lobby, address: str, *, is_known: bool) -> bool:
    """Try to come in, where two associations are allowed."""
    return lobby.enter(address, is_known=is_known, max_associations=2)


def test_strangers_are_few_and_leave_room_for_others() -> None:
    """Two of one address, eight altogether."""
    lobby = Lobby()
    one = [enter(lobby, "10.0.0.1", is_known=False) for _ in range(5)]
    assert one == [True] * MAX_OF_ONE_STRANGER + [False] * 3
    others = [enter(lobby, f"10.0.1.{n}", is_known=False) for n in range(20)]
    assert sum(others) == MAX_STRANGERS - MAX_OF_ONE_STRANGER


def test_no_number_of_strangers_keeps_a_modality_out() -> None:
    """They have separate room."""
    lobby = Lobby()
    for number in range(100):
        enter(lobby, f"10.0.1.{number}", is_known=False)
    assert enter(lobby, "192.168.1.20", is_known=True)


def test_one_modality_cannot_take_all_the_room() -> None:
    """A second one still comes in."""
    lobby = Lobby()
    taken = sum(enter(lobby, "192.168.1.20", is_known=True) for _ in range(100))
    assert taken == 2 + SPARE_CONNECTIONS
    assert enter(lobby, "192.168.1.21", is_known=True)


def test_who_leaves_makes_room() -> None:
    """And is forgotten, even where nobody came in."""
    lobby = Lobby()
    for _ in range(MAX_OF_ONE_STRANGER):
        enter(lobby, "10.0.0.1", is_known=False)
    lobby.leave("10.0.0.1")
    lobby.leave("10.9.9.9")
    assert lobby.connections == MAX_OF_ONE_STRANGER - 1
    assert enter(lobby, "10.0.0.1", is_known=False)
