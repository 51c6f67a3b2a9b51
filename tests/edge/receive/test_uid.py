"""UIDs: what the standard forbids outright is refused, what it frowns upon is taken."""

from __future__ import annotations

import pytest

from bocage_edge.receive.uid import UidFault, is_conformant, uid_fault


@pytest.mark.parametrize(
    ("uid", "fault", "conformant"),
    [
        ("1.2.840.10008.1.1", None, True),
        ("2.25.329800735698586629295641978511506172918", None, True),
        ("1" * 31 + "." + "2" * 32, None, True),
        ("1.02.3", None, False),
        ("1..2", UidFault.COMPONENT, False),
        ("1.2.", UidFault.COMPONENT, False),
        ("123", None, False),
        ("", UidFault.EMPTY, False),
        ("1." + "2" * 63, UidFault.TOO_LONG, False),
        ("../../etc/passwd", UidFault.CHARACTERS, False),
        ("/1.2.3", UidFault.CHARACTERS, False),
        ("1.2\n3", UidFault.CHARACTERS, False),
        ("1.2.3\0", UidFault.CHARACTERS, False),
        ("1.2.\u0663", UidFault.CHARACTERS, False),
        ("1.2.3a", UidFault.CHARACTERS, False),
    ],
)
def test_uids(uid: str, fault: UidFault | None, conformant: bool) -> None:
    """Source: PS3.5 9.1."""
    assert uid_fault(uid) == fault
    assert is_conformant(uid) == conformant
