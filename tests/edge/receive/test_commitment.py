"""N-ACTION of storage commitment: success only once it is on the disk, hostile ones bounded."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bocage_contract.configuration import Desired
from bocage_edge.exam.identity import class_key, instance_key
from bocage_edge.exam.references import (
    COMMITMENT_CLASS,
    COMMITMENT_INSTANCE,
    MAX_DATA_SET_BYTES,
    Reference,
    Request,
    Result,
    read_request,
    transaction_digest,
    write_request,
    write_result,
)
from bocage_edge.own_seal import open_our_own
from bocage_edge.spool.commitments import Commitment, CommitmentState
from bocage_edge.spool.station_commitments import ToCommit
from bocage_edge.spool.types import Verdict
from tests.edge.spool.making import arrive
from tests.fakes.instances import CR, instance
from tests.fakes.scripted_peer import (
    ABORT,
    ACCEPTED,
    REJECTED,
    Response,
    ScriptedPeer,
    associate_request,
    command_set,
    context_results,
    data,
    even,
    item,
    store_command,
)
from tests.fakes.site import LINK, LINK_KEY, OWN_KEY, Site, in_force

IMPLICIT, EXPLICIT = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1"
ASK = Request("2.25.77", (Reference(CR, "1.2.3"), Reference(CR, "1.2.4")))
CALLERS = [
    {
        "aet": "CR1",
        "addresses": ["127.0.0.0/8"],
        "commitment": {"aet": "CR1", "host": "127.0.0.1", "port": 11114},
    },
    {"aet": "CT1", "addresses": ["127.0.0.1/32"]},
]
CONTEXTS = [(1, COMMITMENT_CLASS, [IMPLICIT]), (3, CR, [EXPLICIT])]
N_ACTION_RSP = 0x8130


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A box that CR1 may ask for storage commitment, and CT1 may not."""
    with Site(tmp_path, in_force(callers=CALLERS)) as listening:
        yield listening


def action(message_id: int = 1, **changes: Any) -> bytes:
    """An N-ACTION-RQ with a data set."""
    elements = {
        0x0003: even(changes.get("sop_class", COMMITMENT_CLASS)),
        0x0100: struct.pack("<H", 0x0130),
        0x0110: struct.pack("<H", message_id),
        0x0800: struct.pack("<H", changes.get("data_set", 1)),
        0x1001: even(changes.get("sop_instance", COMMITMENT_INSTANCE)),
        0x1008: struct.pack("<H", changes.get("action", 1)),
    }
    return command_set(elements)


def associated(site: Site, calling: bytes = b"CR1") -> ScriptedPeer:
    peer = ScriptedPeer(site.port)
    assert peer.associate(associate_request(calling, b"FLERS", CONTEXTS)).type == ACCEPTED
    return peer


def ask(peer: ScriptedPeer, raw: bytes, *, context: int = 1, **changes: Any) -> Response:
    """Ask, and give the answer."""
    peer.send(data(context, action(**changes), command=True))
    for start in range(0, max(len(raw), 1), 60_000):
        is_last = start + 60_000 >= len(raw)
        peer.send(data(context, raw[start : start + 60_000], last=is_last))
    return peer.response()


def taken(site: Site) -> list[Commitment]:
    return site.spool.due_commitments(CommitmentState.WAITING, 1e12, 100)


def test_a_request_is_on_the_disk_when_success_is_said(site: Site) -> None:
    with associated(site) as peer:
        said = ask(peer, write_request(ASK), message_id=9)
        assert (said.field, said.status, said.message_id) == (N_ACTION_RSP, 0, 9)
        assert said.elements[0x0002] == even(COMMITMENT_CLASS)
        assert said.elements[0x1000] == even(COMMITMENT_INSTANCE)
        assert said.elements[0x1008] == struct.pack("<H", 1)
        (found,) = taken(site)
        assert (found.caller, found.service, found.instances) == ("CR1", "FLERS", 2)
        items = site.spool.items_of_commitment(found.id)
        assert {each.class_key for each in items} == {class_key(LINK_KEY, CR)}
        (entry,) = site.entries("commitment_asked")
        assert entry.draft.body == {
            "from": "CR1",
            "service": "FLERS",
            "instances": 2,
            "transaction": found.transaction_key,
        }


def test_what_it_names_lies_sealed_to_the_box_itself(site: Site, tmp_path: Path) -> None:
    """Deliver names it again; nobody finds a UID in the index."""
    with associated(site) as peer:
        assert ask(peer, write_request(ASK)).status == 0
    (found,) = taken(site)
    sealed, _ = site.spool.result_of_commitment(found.id)
    assert read_request(open_our_own(sealed, [OWN_KEY.secret]), IMPLICIT) == ASK
    files = [path.read_bytes() for path in (tmp_path / "spool").glob("index*")]
    assert any(instance_key(LINK_KEY, "1.2.3").encode() in each for each in files)
    assert not any(b"1.2.3" in each or b"2.25.77" in each for each in files)


def test_the_same_request_again_is_one(site: Site) -> None:
    """Its answer was lost; the order of the instances does not matter."""
    turned = Request(ASK.transaction, ASK.references[::-1])
    with associated(site) as peer:
        assert [ask(peer, write_request(each)).status for each in (ASK, turned)] == [0, 0]
    assert len(taken(site)) == 1


def test_another_request_under_the_same_transaction_is_refused(site: Site) -> None:
    other = Request(ASK.transaction, ASK.references[:1])
    with associated(site) as peer:
        assert ask(peer, write_request(ASK)).status == 0
        said = ask(peer, write_request(other))
    assert (said.status, said.comment) == (0x0131, "Bocage: this Transaction UID is in use")


def test_instances_and_requests_on_one_association(site: Site) -> None:
    sent = instance(1)
    with associated(site) as peer:
        peer.send(data(3, store_command(sent.sop_class, sent.sop_instance), command=True))
        peer.send(data(3, sent.data_set))
        assert peer.response().status == 0
        known = Request("2.25.9", (Reference(sent.sop_class, sent.sop_instance),))
        assert ask(peer, write_request(known)).status == 0
        (one,) = site.spool.items_of_commitment(taken(site)[0].id)
        assert [each.class_key for each in one.objects] == [one.class_key]


def test_it_is_not_offered_to_who_is_not_configured_for_it(site: Site) -> None:
    """The context is rejected; off by default."""
    with ScriptedPeer(site.port) as peer:
        accepted = peer.associate(associate_request(b"CT1", b"FLERS", CONTEXTS))
        results = context_results(accepted.body)
        assert (results[1][0], results[3][0]) == (3, 0)


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"action": 2}, 0x0123),
        ({"sop_instance": "1.2.840.10008.1.20.1.2"}, 0x0112),
        ({"sop_class": "1.2.840.10008.5.1.1.1"}, 0x0118),
        ({"context": 3}, 0x0118),
    ],
)
def test_what_is_no_request_for_commitment_is_refused(
    site: Site, changes: dict[str, Any], status: int
) -> None:
    with associated(site) as peer:
        assert ask(peer, write_request(ASK), **changes).status == status
        assert ask(peer, write_request(ASK)).status == 0


def test_a_request_without_a_data_set_is_refused(site: Site) -> None:
    with associated(site) as peer:
        peer.send(data(1, action(data_set=0x0101), command=True))
        assert peer.response().status == 0x0115
        assert ask(peer, write_request(ASK)).status == 0


def test_an_event_report_that_nobody_waits_for_is_refused(site: Site) -> None:
    report = {
        0x0002: even(COMMITMENT_CLASS),
        0x0100: struct.pack("<H", 0x0100),
        0x0110: struct.pack("<H", 1),
        0x0800: struct.pack("<H", 1),
        0x1000: even(COMMITMENT_INSTANCE),
        0x1002: struct.pack("<H", 1),
    }
    with associated(site) as peer:
        peer.send(data(1, command_set(report), command=True))
        peer.send(data(1, write_request(ASK)))
        said = peer.response()
        assert said.field == 0x8100
        assert said.status != 0
    assert taken(site) == []


def test_a_box_that_is_not_ready_takes_none(tmp_path: Path) -> None:
    """Its partner is not confirmed: nothing is promised."""
    with Site(tmp_path, in_force(pinned=False, callers=CALLERS)) as site, associated(site) as peer:
        assert ask(peer, write_request(ASK)).status == 0x0110
        assert taken(site) == []


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"", 0x0115),
        (b"\0" * 5000, 0x0115),
        (write_request(ASK)[:-3], 0x0115),
        (struct.pack("<HHI", 8, 0x1199, 0xFFFFFFFF) * 50_000, 0x0115),
        (bytes(MAX_DATA_SET_BYTES + 2), 0x0213),
        (
            write_request(Request("2.25.1", tuple(Reference(CR, f"1.{n}") for n in range(10_001)))),
            0x0213,
        ),
    ],
    ids=["empty", "zeros", "cut", "deep", "large", "many"],
)
def test_a_hostile_data_set_is_answered_and_leaves_nothing(
    site: Site, raw: bytes, status: int
) -> None:
    with associated(site) as peer:
        assert ask(peer, raw).status == status
        assert ask(peer, write_request(ASK)).status == 0
    assert len(taken(site)) == 1


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(raw=st.binary(max_size=200))
def test_whatever_comes_there_is_an_answer(site: Site, raw: bytes) -> None:
    with associated(site) as peer:
        assert ask(peer, raw).status == 0x0115


def test_an_association_that_ends_within_a_request_leaves_nothing(site: Site) -> None:
    peer = associated(site)
    peer.send(data(1, action(), command=True))
    peer.send(data(1, write_request(ASK)[:40], last=False))
    peer.abort()
    peer.close()
    site.wait_until_empty()
    assert taken(site) == []


def test_a_command_without_its_type_ends_the_association(site: Site) -> None:
    elements = {
        0x0003: even(COMMITMENT_CLASS),
        0x0100: struct.pack("<H", 0x0130),
        0x0110: struct.pack("<H", 1),
        0x0800: struct.pack("<H", 1),
    }
    with associated(site) as peer:
        peer.send(data(1, command_set(elements), command=True))
        assert peer.receive().type == ABORT


def test_as_many_instances_as_allowed(site: Site) -> None:
    most = Request("2.25.1", tuple(Reference(CR, f"1.2.{n}") for n in range(10_000)))
    with associated(site) as peer:
        assert ask(peer, write_request(most)).status == 0
    assert taken(site)[0].instances == 10_000


def test_no_role_is_granted_to_a_caller(site: Site) -> None:
    """Who asks for commitment is its SCU; the SCP's role is for stations that we ask."""
    uid = COMMITMENT_CLASS.encode()
    role = item(0x54, struct.pack(">H", len(uid)) + uid + b"\1\1")
    with ScriptedPeer(site.port) as peer:
        request = associate_request(b"CR1", b"FLERS", CONTEXTS, user_items=role)
        accepted = peer.associate(request)
        assert accepted.type == ACCEPTED
        assert uid not in accepted.body


STATION = {
    "name": "pacs",
    "aet": "ARCHIVE",
    "host": "127.0.0.1",
    "port": 104,
    "calling_aet": "BOCAGE",
    "commitment": True,
}
ROLE = item(0x54, struct.pack(">H", len(COMMITMENT_CLASS)) + COMMITMENT_CLASS.encode() + b"\0\1")


@pytest.fixture
def practice(tmp_path: Path) -> Iterator[Site]:
    """A box that asks a station for storage commitment, and has asked about one instance."""
    configured = in_force(callers=CALLERS)
    document = configured.desired.to_json()
    document["destinations"] = [STATION]
    document["links"][0]["deliver"] = []
    now = replace(configured, desired=Desired.of(document))
    with Site(tmp_path, now) as listening:
        name = arrive(listening.spool, b"sealed", ["pacs"], link=LINK, key=key_of("1.2.3"))
        (delivery,) = listening.spool.deliveries_of(name)
        wanted = ToCommit("pacs", b"sealed", 0.0)
        listening.spool.settle_delivery(delivery.id, Verdict.DELIVERED, to_commit=wanted)
        (row,) = listening.spool.to_ask("pacs", 1e12, 10)
        digest = transaction_digest("2.25.77")
        listening.spool.begin_asking([row.id], "pacs", digest, 1e13)
        yield listening


def key_of(uid: str) -> str:
    return instance_key(LINK_KEY, uid)


def reported(
    site: Site, result: Result, calling: bytes = b"ARCHIVE", called: bytes = b"BOCAGE"
) -> Response:
    """Bring a result as a station does, on an association of its own."""
    command = {
        0x0002: even(COMMITMENT_CLASS),
        0x0100: struct.pack("<H", 0x0100),
        0x0110: struct.pack("<H", 5),
        0x0800: struct.pack("<H", 1),
        0x1000: even(COMMITMENT_INSTANCE),
        0x1002: struct.pack("<H", result.event_type),
    }
    with ScriptedPeer(site.port) as peer:
        request = associate_request(calling, called, CONTEXTS, user_items=ROLE)
        accepted = peer.associate(request)
        assert accepted.type == ACCEPTED
        assert ROLE in accepted.body  # the SCP's role is granted: PS3.7 D.3.3.4
        assert [result for result, _ in context_results(accepted.body).values()] == [0, 3]
        peer.send(data(1, command_set(command), command=True))
        peer.send(data(1, write_result(result)))
        return peer.response()


def test_a_station_brings_its_result_over_its_own_association(practice: Site) -> None:
    said = reported(practice, Result("2.25.77", (Reference(CR, "1.2.3"),)))
    assert (said.field, said.status, said.message_id) == (0x8100, 0, 5)
    assert said.elements[0x1002] == struct.pack("<H", 1)
    (entry,) = practice.entries("committed")
    assert (entry.draft.body["ok"], entry.draft.body["destination"]) == (True, "pacs")
    assert entry.chain == LINK


def test_what_a_station_has_lost_stands_in_the_ledger(practice: Site) -> None:
    lost = Result("2.25.77", (), ((Reference(CR, "1.2.3"), 0x0112),))
    assert reported(practice, lost).status == 0
    (entry,) = practice.entries("committed")
    assert (entry.draft.body["ok"], entry.draft.body["failure"]) == (False, 0x0112)


def test_a_result_of_a_transaction_nobody_asked_in_is_refused(practice: Site) -> None:
    said = reported(practice, Result("2.25.99", (Reference(CR, "1.2.3"),)))
    assert said.status == 0x0115
    assert practice.entries("committed") == []


@pytest.mark.parametrize(
    ("calling", "called"), [(b"ARCHIVE", b"FLERS"), (b"OTHER", b"BOCAGE"), (b"CR1", b"BOCAGE")]
)
def test_a_result_is_taken_from_the_station_alone(
    practice: Site, calling: bytes, called: bytes
) -> None:
    with ScriptedPeer(practice.port) as peer:
        assert peer.associate(associate_request(calling, called, CONTEXTS)).type == REJECTED


def test_a_station_sends_no_instances(practice: Site) -> None:
    """It is no caller: the context is rejected."""
    with ScriptedPeer(practice.port) as peer:
        contexts = [(1, COMMITMENT_CLASS, [IMPLICIT]), (3, CR, [EXPLICIT])]
        accepted = peer.associate(associate_request(b"ARCHIVE", b"BOCAGE", contexts))
        results = context_results(accepted.body)
        assert (results[1][0], results[3][0]) == (0, 3)
        assert ROLE not in accepted.body  # it did not ask for it
        peer.send(data(1, action(), command=True))
        peer.send(data(1, write_request(ASK)))
        assert peer.response().status == 0x0118
