from __future__ import annotations

from collections.abc import Sequence

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bocage_contract.errors import MessageError, SignatureError
from bocage_contract.fleet.keyset import (
    Keyset,
    OlderKeysetError,
    Purpose,
    countersign_keyset,
    read_first_keyset,
    read_next_keyset,
    seal_keyset,
)
from tests.contract.keys import identity, public, text

ROOTS = [identity(n) for n in (1, 2, 3)]
NEW_ROOTS = [identity(n) for n in (4, 5, 6)]
WORKING, NEXT = identity(7), identity(8)


def keyset(
    version: int = 1,
    roots: Sequence[Ed25519PrivateKey] = ROOTS,
    working: Ed25519PrivateKey = WORKING,
) -> Keyset:
    return Keyset(
        version=version,
        issued_at=1_790_000_000,
        roots=[text(public(each)) for each in roots],
        configuration=[text(public(working))],
        command=[text(public(working))],
    )


def signed(wanted: Keyset, *signers: Ed25519PrivateKey) -> bytes:
    first, *others = signers
    raw = seal_keyset(wanted, first.sign, public(first))
    for each in others:
        raw = countersign_keyset(raw, each.sign, public(each))
    return raw


def test_two_of_three_roots_make_a_keyset() -> None:
    assert read_first_keyset(signed(keyset(), ROOTS[0], ROOTS[2])) == keyset()
    with pytest.raises(SignatureError):
        read_first_keyset(signed(keyset(), ROOTS[1]))
    with pytest.raises(SignatureError):
        read_first_keyset(signed(keyset(), ROOTS[1], ROOTS[1]))


def test_a_stolen_configuration_key_is_replaced_and_can_replace_nothing() -> None:
    held = keyset()
    replaced = keyset(2, working=NEXT)
    assert read_next_keyset(signed(replaced, *ROOTS[:2]), held).keys(Purpose.CONFIGURATION) == {
        public(NEXT)
    }
    for thief in ([WORKING], [WORKING, NEXT], [WORKING, ROOTS[0]]):
        with pytest.raises(SignatureError):
            read_next_keyset(signed(replaced, *thief), held)


def test_roots_are_replaced_by_the_old_and_the_new_together() -> None:
    held, following = keyset(), keyset(2, NEW_ROOTS)
    assert read_next_keyset(signed(following, *ROOTS[:2], *NEW_ROOTS[:2]), held) == following
    for too_few in (ROOTS[:2], NEW_ROOTS[:2], [ROOTS[0], NEW_ROOTS[0]], [ROOTS[0], *NEW_ROOTS]):
        with pytest.raises(SignatureError):
            read_next_keyset(signed(following, *too_few), held)


@pytest.mark.parametrize("version", [1, 2])
def test_an_older_keyset_is_refused(version: int) -> None:
    with pytest.raises(OlderKeysetError):
        read_next_keyset(signed(keyset(version), *ROOTS), keyset(2))


def test_a_root_signs_keysets_only() -> None:
    with pytest.raises(MessageError):
        Keyset.of(keyset().to_json() | {"update": [text(public(ROOTS[0]))]})


def test_doubled_roots_do_not_make_a_threshold() -> None:
    with pytest.raises(MessageError):
        Keyset.of(keyset().to_json() | {"roots": [text(public(ROOTS[0]))] * 3})


def test_every_changed_byte_is_refused() -> None:
    raw = signed(keyset(), *ROOTS[:2])
    for at in range(0, len(raw), 3):
        broken = raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :]
        with pytest.raises((SignatureError, MessageError)):
            read_first_keyset(broken)
