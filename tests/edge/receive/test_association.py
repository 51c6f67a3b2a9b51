"""The acceptor against peers that say exactly what a test tells them to."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from bocage_edge.receive.answer import Answer
from bocage_edge.receive.upper_layer import Limits
from tests.fakes.instances import CR, CT, Instance, instance
from tests.fakes.scripted_peer import (
    ABORT,
    ACCEPTED,
    REJECTED,
    RELEASE_RP,
    Pdu,
    ScriptedPeer,
    associate_request,
    context_results,
    data,
    echo_command,
    item,
    pdu,
    store_command,
)
from tests.fakes.site import Site, in_force

VERIFICATION = "1.2.840.10008.1.1"
EXPLICIT = "1.2.840.10008.1.2.1"
IMPLICIT = "1.2.840.10008.1.2"
DEFLATED = "1.2.840.10008.1.2.1.99"
CONTEXTS = [(1, VERIFICATION, [IMPLICIT]), (3, CR, [EXPLICIT]), (5, CT, [EXPLICIT])]
ALIKE = Pdu(REJECTED, bytes((0, 1, 1, 1)))


def hello(calling: bytes = b"CR1", called: bytes = b"FLERS") -> bytes:
    """A sound association request."""
    return associate_request(calling, called, CONTEXTS)


def associated(site: Site, called: bytes = b"FLERS") -> ScriptedPeer:
    """A peer with an association."""
    peer = ScriptedPeer(site.port)
    assert peer.associate(hello(called=called)).type == ACCEPTED
    return peer


def send(peer: ScriptedPeer, sent: Instance, *, step: int = 100, message_id: int = 1) -> None:
    """Send one instance in fragments of `step` bytes."""
    command = store_command(sent.sop_class, sent.sop_instance, message_id)
    peer.send(data(3, command, command=True))
    whole = sent.data_set
    for start in range(0, len(whole), step):
        peer.send(data(3, whole[start : start + step], last=start + step >= len(whole)))


def test_echo(site: Site) -> None:
    """The technologist's first question, and a release."""
    with associated(site) as peer:
        peer.send(data(1, echo_command(5), command=True))
        response = peer.response()
        assert (response.status, response.message_id) == (0, 5)
        assert peer.release().type == RELEASE_RP


def test_an_instance_is_in_the_spool_when_success_is_said(site: Site) -> None:
    """With its entry, and the relay has been told."""
    with associated(site) as peer:
        send(peer, instance(1))
        response = peer.response()
        assert (response.status, response.comment) == (0, "")
        (stored,) = site.objects()
        (entry,) = site.entries("received")
        assert entry.draft.body["object"] == stored.name
        assert entry.draft.body["exam_id"] == stored.exam_id
        assert stored.service == "FLERS"
        assert site.rings.acquire(blocking=False)


@pytest.mark.parametrize(
    ("calling", "called"),
    [
        (b"CR9", b"FLERS"),
        (b"AWAY", b"FLERS"),  # known, from another network
        (b"CR1", b"BOCAGE"),
        (b"CR1", b"CT_ONLY"),
        (b"cr1", b"FLERS"),
        (b'CR1\r\n{"x":1}', b"FLERS"),
        (b"RADIO_\xc9", b"FLERS"),
        (b"", b"FLERS"),
        (b"CR1", b""),
        (b"A\\B", b"FLERS"),
        (b"\x1b[2JCR1", b"FLERS"),
    ],
)
def test_every_refusal_looks_alike_from_outside(site: Site, calling: bytes, called: bytes) -> None:
    """Permanent, service user, no reason given; counted and entered with the reason."""
    with ScriptedPeer(site.port) as peer:
        assert peer.associate(hello(calling, called)) == ALIKE
    (entry,) = site.entries("association_refused")
    assert entry.chain == "box"
    assert entry.draft.body["address"] == "127.0.0.1"
    reason = entry.draft.body["reason"]
    assert site.counts() == {f"association refused: {reason}": 1}


def test_the_ledger_says_what_was_wrong(site: Site) -> None:
    """Each of the reasons."""
    for calling, called in ((b"X", b"FLERS"), (b"AWAY", b"FLERS"), (b"CR1", b"X")):
        with ScriptedPeer(site.port) as peer:
            assert peer.associate(hello(calling, called)) == ALIKE
    reasons = [entry.draft.body["reason"] for entry in site.entries("association_refused")]
    assert reasons == [
        "calling AE title unknown",
        "address not one of this caller",
        "called AE title is no service",
    ]


def test_refusals_in_a_row_are_one_entry(site: Site) -> None:
    """A wrong title all weekend does not fill the ledger."""
    for _ in range(5):
        with ScriptedPeer(site.port) as peer:
            assert peer.associate(hello(b"X")) == ALIKE
        site.wait_until_empty()
    assert len(site.entries("association_refused")) == 1
    assert site.counts() == {"association refused: calling AE title unknown": 5}
    site.reception.close()
    assert [each.draft.body["count"] for each in site.entries("association_refused")] == [1, 4]


def test_one_association_too_many_may_come_later(tmp_path: Path) -> None:
    """Transient, local limit exceeded; and there is room again after a release."""
    with Site(tmp_path, in_force(max_associations=2)) as site:
        first, second = associated(site), associated(site)
        with ScriptedPeer(site.port) as third:
            assert third.associate(hello()) == Pdu(REJECTED, bytes((0, 2, 3, 2)))
        first.release()
        first.close()
        second.abort()
        second.close()
        site.wait_until_empty()
        with associated(site) as peer:
            assert peer.release().type == RELEASE_RP


def test_contexts_are_judged_one_by_one(site: Site) -> None:
    """128 of them: private class, deflated, invented, queries, the same class again and again."""
    proposed = [
        (1, VERIFICATION, [IMPLICIT]),
        (3, "1.2.840.113619.4.30", [IMPLICIT]),
        (5, CR, [DEFLATED]),
        (7, CR, ["1.2.3.4.5"]),
        (9, CR, [DEFLATED, IMPLICIT, EXPLICIT]),
        (11, "1.2.840.10008.5.1.4.1.2.2.1", [IMPLICIT]),
        (13, "1.2.840.10008.5.1.4.31", [IMPLICIT]),
        (15, "1.2.840.10008.1.20.1", [IMPLICIT]),
    ]
    proposed += [(number, CT, [EXPLICIT, IMPLICIT]) for number in range(17, 256, 2)]
    with ScriptedPeer(site.port) as peer:
        accepted = peer.associate(associate_request(b"CR1", b"FLERS", proposed))
        assert accepted.type == ACCEPTED
        results = context_results(accepted.body)
        assert [results[number][0] for number in range(1, 17, 2)] == [0, 0, 4, 4, 0, 3, 3, 3]
        assert results[9] == (0, EXPLICIT)
        assert len(results) == 128
        assert {results[number] for number in range(17, 256, 2)} == {(0, EXPLICIT)}


def test_an_instance_of_a_private_class_is_taken(site: Site) -> None:
    """In an explicit syntax of its own context."""
    sent = instance(1, sop_class="1.2.840.113619.4.30")
    contexts = [(3, sent.sop_class, [EXPLICIT])]
    with ScriptedPeer(site.port) as peer:
        assert peer.associate(associate_request(b"CR1", b"FLERS", contexts)).type == ACCEPTED
        send(peer, sent)
        assert peer.response().status == 0


def test_no_role_is_granted_that_we_do_not_play(site: Site) -> None:
    """Who asks to be SCP of a storage class gets no answer to that: the default roles hold."""
    uid = CR.encode()
    role = item(0x54, struct.pack(">H", len(uid)) + uid + b"\0\1")
    with ScriptedPeer(site.port) as peer:
        request = associate_request(b"CR1", b"FLERS", CONTEXTS, user_items=role)
        accepted = peer.associate(request)
        assert accepted.type == ACCEPTED
        assert uid not in accepted.body
        send(peer, instance(1))
        assert peer.response().status == 0


HOSTILE_REQUESTS = {
    "even context id": associate_request(b"CR1", b"FLERS", [(2, CR, [EXPLICIT])]),
    "context id 0": associate_request(b"CR1", b"FLERS", [(0, CR, [EXPLICIT])]),
    "unknown item": pdu(1, struct.pack(">HH", 1, 0) + bytes(64) + item(0x99, b"x")),
    "cut item": pdu(1, struct.pack(">HH", 1, 0) + b"A" * 32 + bytes(32) + b"\x20\0\xff"),
    "empty": pdu(1, b""),
    "data before association": data(3, b"x"),
    "not DICOM": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "4 GiB of request": pdu(1, b"", 0xFFFFFFFF),
    "4 GiB of data": pdu(4, b"", 0xFFFFFFFF),
    "large release": pdu(5, b"", 1 << 20),
    "no syntax name": associate_request(b"CR1", b"FLERS", [(1, "\xff\xfe", ["\xff"])]),
}


@pytest.mark.filterwarnings("ignore:Invalid value for VR UI")
@pytest.mark.parametrize("name", HOSTILE_REQUESTS)
def test_a_hostile_request_ends_its_own_association_only(site: Site, name: str) -> None:
    """Aborted or closed, nothing accepted; the next modality is served."""
    with ScriptedPeer(site.port) as peer:
        answered = peer.associate(HOSTILE_REQUESTS[name])
        assert answered.type in (0, ABORT), answered
    site.wait_until_empty()
    with associated(site) as peer:
        send(peer, instance(1))
        assert peer.response().status == 0


@pytest.mark.filterwarnings("ignore:Invalid value for VR UI")
@pytest.mark.parametrize(
    "contexts",
    [
        pytest.param([], id="none"),
        pytest.param([(1, CR, [EXPLICIT]), (1, CT, [EXPLICIT])], id="one id twice"),
    ],
)
def test_contexts_that_cannot_be_are_refused(
    site: Site, contexts: list[tuple[int, str, list[str]]]
) -> None:
    """Alike from outside."""
    with ScriptedPeer(site.port) as peer:
        assert peer.associate(associate_request(b"CR1", b"FLERS", contexts)) == ALIKE


HOSTILE_MESSAGES = {
    "data without command": data(3, b"x"),
    "command inside data": data(3, store_command(CR, "1.2.3"), command=True)
    + data(3, echo_command(), command=True),
    "another context inside": data(3, store_command(CR, "1.2.3"), command=True) + data(5, b"x"),
    "context not negotiated": data(99, echo_command(), command=True),
    "broken command": data(3, b"\0\0\0\0\4\0\0\0", command=True),
    "empty value": pdu(4, struct.pack(">IB", 1, 3)),
    "value longer than its PDU": pdu(4, struct.pack(">IBB", 900, 3, 0)),
    "PDU longer than negotiated": pdu(4, b"", 131072 + 2),
    "second request": hello(),
    "unknown PDU": pdu(9, b""),
}


@pytest.mark.parametrize("name", HOSTILE_MESSAGES)
def test_a_hostile_message_ends_the_association_and_leaves_nothing(site: Site, name: str) -> None:
    """A-ABORT; what was being received is thrown away."""
    with associated(site) as peer:
        peer.send(HOSTILE_MESSAGES[name])
        assert peer.receive().type == ABORT
    site.wait_until_empty()
    assert site.objects() == []
    assert site.leftovers() == []


ENDS: dict[str, Callable[[ScriptedPeer], None]] = {
    "abort": ScriptedPeer.abort,
    "close": ScriptedPeer.close,
    "reset": ScriptedPeer.reset,
    "release": lambda peer: peer.send(pdu(5, bytes(4))),
}


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("offset", [0, 1, 40, 140, 141, 400, 10_000])
def test_an_association_that_ends_within_a_data_set_leaves_nothing(
    site: Site, end: str, offset: int
) -> None:
    """Cut after so many bytes of it; then the same instance goes through."""
    sent = instance(1, pixels=bytes(20_000))
    peer = associated(site)
    peer.send(data(3, store_command(sent.sop_class, sent.sop_instance), command=True))
    if offset:
        peer.send(data(3, sent.data_set[:offset], last=False))
    ENDS[end](peer)
    peer.close()
    site.wait_until_empty()
    assert site.objects() == []
    assert site.leftovers() == []
    with associated(site) as again:
        send(again, sent, step=4000)
        assert again.response().status == 0
    assert len(site.objects()) == 1


@pytest.mark.parametrize("kept", [1, 5, 7, 12, 200])
def test_a_connection_cut_within_a_pdu_leaves_nothing(site: Site, kept: int) -> None:
    """Header, item header, or in the middle of the value."""
    sent = instance(1)
    peer = associated(site)
    peer.send(data(3, store_command(sent.sop_class, sent.sop_instance), command=True))
    peer.send(data(3, sent.data_set)[:kept])
    peer.close()
    site.wait_until_empty()
    assert site.objects() == []


def test_a_peer_that_stalls_inside_a_pdu_is_cut(tmp_path: Path) -> None:
    """However slowly it drips, a PDU must be there in time."""
    limits = Limits(socket_timeout_s=0.05, pdu_deadline_s=0.2)
    with Site(tmp_path, limits=limits) as site, associated(site) as peer:
        peer.send(data(3, store_command(CR, "1.2.3"), command=True))
        peer.send(data(3, bytes(100))[:20])
        assert peer.receive().type == 0
        site.wait_until_empty()
        assert site.leftovers() == []


def test_a_connection_that_asks_for_nothing_is_closed(tmp_path: Path) -> None:
    """ARTIM (PS3.8 9.1.5)."""
    limits = Limits(socket_timeout_s=0.05, request_deadline_s=0.2)
    with Site(tmp_path, limits=limits) as site, ScriptedPeer(site.port) as peer:
        assert peer.receive().type == 0


def test_an_idle_association_is_aborted(tmp_path: Path) -> None:
    """After the configured time without a PDU."""
    with Site(tmp_path, in_force(idle_timeout_s=10)) as site, associated(site) as peer:
        (assoc,) = site.server.active_associations
        assert assoc.network_timeout == 10
        assoc.network_timeout = 0.1
        assert peer.receive().type == ABORT


def test_a_peer_that_is_ahead_of_its_answers_gets_them_all(site: Site) -> None:
    """One after the other; what it has sent meanwhile waits in its own socket."""
    echo = data(1, echo_command(), command=True)
    with associated(site) as peer:
        peer.send(echo * 3)
        peer.send(pdu(4, b"".join(each[6:] for each in [echo] * 1000)))
        assert {peer.response().status for _ in range(1003)} == {0}


def test_a_peer_that_takes_no_answers_is_cut_before_it_fills_memory(tmp_path: Path) -> None:
    """As soon as one cannot be sent for a while."""
    flood = pdu(4, data(1, echo_command(), command=True)[6:] * 1000)
    limits = Limits(socket_timeout_s=0.2)
    with Site(tmp_path, limits=limits) as site, associated(site) as peer:
        with pytest.raises(ConnectionError):
            while True:
                peer.send(flood)
        site.wait_until_empty()


def test_many_values_in_one_pdu(site: Site) -> None:
    """Command and data set together (PS3.8 9.3.5.1)."""
    sent = instance(1)
    command = data(3, store_command(sent.sop_class, sent.sop_instance), command=True)
    pieces = [data(3, sent.data_set[:50], last=False), data(3, sent.data_set[50:])]
    with associated(site) as peer:
        peer.send(pdu(4, b"".join(each[6:] for each in (command, *pieces))))
        assert peer.response().status == 0


def test_the_answer_comes_in_fragments_a_small_peer_can_take(site: Site) -> None:
    """Maximum length 64: the command set is split."""
    with ScriptedPeer(site.port) as peer:
        request = associate_request(b"CR1", b"FLERS", CONTEXTS, max_pdu_bytes=64)
        assert peer.associate(request).type == ACCEPTED
        peer.send(data(1, echo_command(), command=True))
        first = peer.receive()
        assert (len(first.body), first.body[5]) == (64, 1)
        assert peer.receive().body[5] == 3


@pytest.mark.parametrize(
    ("uid", "answer"),
    [
        ("../../x", Answer.BAD_INSTANCE_UID),
        ("", Answer.BAD_INSTANCE_UID),
        ("1." + "2" * 70, Answer.BAD_INSTANCE_UID),
        ("1.2\n3", Answer.BAD_INSTANCE_UID),
        ("1.2.3", Answer.OTHER_IDENTITY),
    ],
)
def test_an_instance_with_a_wrong_identity_is_refused_and_the_next_passes(
    site: Site, uid: str, answer: Answer
) -> None:
    """On the same association."""
    sent = instance(1)
    with associated(site) as peer:
        send(peer, Instance(CR, uid, sent.data_set))
        response = peer.response()
        assert (response.status, response.comment) == (answer.status, answer.comment("en"))
        send(peer, sent, message_id=2)
        assert peer.response().status == 0
    (entry,) = site.entries("refused")
    assert entry.draft.body["reason"] == answer.name.lower()


def test_a_class_other_than_the_context_is_refused(site: Site) -> None:
    """0x0122."""
    with associated(site) as peer:
        send(peer, Instance(CT, "1.2.3", b"x"))
        assert peer.response().status == Answer.WRONG_CLASS.status


def test_an_echo_in_a_storage_context_is_refused(site: Site) -> None:
    """0x0122."""
    with associated(site) as peer:
        peer.send(data(3, echo_command(), command=True))
        assert peer.response().status == Answer.WRONG_CLASS.status


def test_connections_beyond_the_lobby_are_closed_at_once(tmp_path: Path) -> None:
    """Before they have a thread."""
    with Site(tmp_path, in_force(max_associations=2)) as site:
        peers = [ScriptedPeer(site.port) for _ in range(2 + 8)]
        with ScriptedPeer(site.port) as extra:
            assert extra.receive().type == 0
        for peer in peers:
            peer.close()
