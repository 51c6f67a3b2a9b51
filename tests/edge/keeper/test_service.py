"""What the keeper does, and what it refuses."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest

from bocage_contract.canonical import canonical_json
from bocage_contract.ledger import EntryDraft, draft, read_entry
from bocage_contract.signing import is_signed, to_be_signed
from bocage_edge.configuration import load
from bocage_edge.keeper.service import Service
from tests.edge.keeper.box import LINK, Site, encoded, make_pair, make_site, pin_message
from tests.edge.ledger.chains import drafts, head_at, write_chain

DIGEST = bytes(range(32))


def started(value: object) -> EntryDraft:
    return EntryDraft(kind="started", at=1, body={"value": value})


def append(unit: str, *entries: tuple[int, str, EntryDraft]) -> dict[str, Any]:
    listed = [[number, chain, entry.to_json()] for number, chain, entry in entries]
    return {"op": "append", "source": f"{unit}:1", "entries": listed}


@pytest.fixture
def sites(tmp_path: Path) -> tuple[Site, Site]:
    """Two boxes; nobody is confirmed yet."""
    return make_pair(tmp_path)


@pytest.fixture
def flers(sites: tuple[Site, Site]) -> Site:
    return sites[0]


@pytest.fixture
def caen(sites: tuple[Site, Site]) -> Site:
    return sites[1]


@pytest.fixture
def service(flers: Site) -> Service:
    return flers.service()


def kinds(service: Service, chain: str) -> list[str]:
    answer = service.answer("admin", {"op": "entries", "chain": chain, "after": 0, "limit": 99})
    return [read_entry(base64.b64decode(raw)).kind for raw in answer["entries"]]


def test_a_unit_writes_what_it_may_and_once(service: Service) -> None:
    message = append("deliver", (1, LINK, draft("delivered", 1.0, object="a")))
    assert service.answer("deliver", message) == {"written": 1}
    assert service.answer("deliver", message) == {"written": 0}
    assert kinds(service, LINK) == kinds(service, f"flers-1/{LINK}") == ["delivered"]


def test_a_unit_that_writes_what_it_may_not_is_written_down_itself(service: Service) -> None:
    message = append(
        "relay",
        (1, LINK, draft("delivered", 1.0, object="a")),
        (2, LINK, draft("stored", 1.0, object="a")),
    )
    assert service.answer("relay", message) == {"written": 2}
    assert service.answer("relay", message) == {"written": 0}
    assert kinds(service, LINK) == ["stored"]
    assert kinds(service, "box") == ["not_allowed"]


def test_two_units_with_one_source_name_do_not_hide_each_others_entries(service: Service) -> None:
    entry = draft("started", 1.0)
    assert service.answer("relay", append("x", (1, "box", entry))) == {"written": 1}
    assert service.answer("receive", append("x", (1, "box", entry))) == {"written": 1}


@pytest.mark.parametrize("chain", ["caen-1/flers-caen", "caen-1/box", "../box", "", "a b", 7])
def test_no_unit_writes_a_chain_that_is_not_ours(service: Service, chain: str) -> None:
    answer = service.answer("relay", append("relay", (1, chain, draft("stored", 1.0))))
    assert "error" in answer


@pytest.mark.parametrize(
    ("unit", "message"),
    [
        (None, {"op": "append", "source": "x", "entries": []}),
        ("relay", {"op": "pin"}),
        ("receive", {"op": "sign", "purpose": "bocage.relay-hello", "digest": encoded(DIGEST)}),
        ("relay", {"op": "sign", "purpose": "bocage.card", "digest": encoded(DIGEST)}),
        ("relay", {"op": "sign", "purpose": "bocage.ledger-head", "digest": encoded(DIGEST)}),
        ("relay", {"op": "sign", "purpose": "bocage.relay-hello", "digest": encoded(b"x" * 33)}),
        ("relay", {"op": "sign", "purpose": "bocage.relay-hello", "digest": "%"}),
        ("relay", {"op": "sign"}),
        ("relay", {"op": "link_key", "link": LINK}),
        ("relay", {"op": "entries", "chain": "box", "after": 0, "limit": 9}),
        ("relay", {"op": "entries", "chain": LINK, "after": "x", "limit": 9}),
        ("relay", {"op": "commit", "link": LINK, "epoch": 1, "number": 1, "verdicts": [["a"]]}),
        ("relay", {"op": "commit", "link": 5, "epoch": 1, "number": 1, "verdicts": []}),
        ("relay", {"op": "append", "source": "x", "entries": [[1, "box", {"kind": "started"}]]}),
        ("relay", append("x", (1, "box", EntryDraft(kind="started", at=1, body={"x": 1.5})))),
        (
            "relay",
            append("x", (1, "box", EntryDraft(kind="started", at=1, body={"x": "y" * 4000}))),
        ),
        ("relay", {"op": "append", "source": "x", "entries": [[1]]}),
        ("relay", {"op": "append", "source": "x", "entries": 5}),
        ("relay", {"op": "answer"}),
        ("relay", {}),
    ],
)
def test_what_is_not_allowed_or_not_right_gets_an_error_and_nothing_else(
    service: Service, unit: str | None, message: dict[str, Any]
) -> None:
    assert set(service.answer(unit, message)) == {"error", "hint", "by_partner"}


def test_relay_has_greetings_and_commits_signed(service: Service, flers: Site) -> None:
    purpose = "bocage.relay-hello"
    answer = service.answer("relay", {"op": "sign", "purpose": purpose, "digest": encoded(DIGEST)})
    signature = base64.b64decode(answer["signature"])
    assert is_signed(flers.card.identity_key, signature, to_be_signed(purpose, DIGEST))
    commit = {"link": LINK, "epoch": 1, "number": 7, "verdicts": [["a" * 64, "stored"]]}
    answer = service.answer("relay", {"op": "commit", **commit})
    signed = to_be_signed("bocage.relay-commit", canonical_json(commit))
    assert is_signed(flers.card.identity_key, base64.b64decode(answer["signature"]), signed)


def test_nothing_is_derived_or_kept_before_the_partner_is_confirmed(
    service: Service, caen: Site
) -> None:
    assert "error" in service.answer("receive", {"op": "link_key", "link": LINK})
    raws, head = write_chain(drafts(1))
    page = {"link": LINK, "entries": [encoded(raw) for raw in raws], "head": head.to_json()}
    assert "error" in service.answer("relay", {"op": "accept_partner", **page})
    assert service.answer("admin", pin_message(caen)) == {"confirmed": "caen-1"}
    assert "key" in service.answer("receive", {"op": "link_key", "link": LINK})
    assert service.answer("relay", {"op": "accept_partner", **page}) == {"head": head.to_json()}


def test_both_boxes_derive_the_same_key(sites: tuple[Site, Site]) -> None:
    flers, caen = sites
    ours, theirs = flers.service(), caen.service()
    ours.answer("admin", pin_message(caen))
    theirs.answer("admin", pin_message(flers))
    question = {"op": "link_key", "link": LINK}
    assert ours.answer("receive", question) == theirs.answer("receive", question)
    assert ours.answer("receive", {"op": "link_key", "link": "no-such"})["error"]


def test_a_confirmed_partner_stands_in_the_pins_and_in_the_ledger(
    service: Service, flers: Site, caen: Site
) -> None:
    service.answer("admin", pin_message(caen))
    pin = load(flers.box).pins.for_link(LINK)
    assert pin is not None
    assert (pin.device, pin.identity) == ("caen-1", caen.card.identity)
    assert kinds(service, LINK) == ["partner_confirmed"]


def test_a_partner_with_new_keys_is_unknown_until_confirmed_and_said_to_have_changed(
    service: Service, flers: Site, caen: Site, tmp_path: Path
) -> None:
    service.answer("admin", pin_message(caen))
    replaced = make_site(tmp_path / "new", "caen-1", 9)
    flers.configure(replaced)
    assert "CHANGED" in service.answer("receive", {"op": "link_key", "link": LINK})["error"]
    service.answer("admin", pin_message(replaced))
    assert "key" in service.answer("receive", {"op": "link_key", "link": LINK})
    assert kinds(service, LINK) == ["partner_confirmed", "partner_changed"]


def test_a_card_of_another_box_than_configured_is_not_confirmed(
    service: Service, tmp_path: Path
) -> None:
    other = make_site(tmp_path / "other", "rouen-1", 8)
    assert "error" in service.answer("admin", pin_message(other))
    assert "error" in service.answer("admin", {"op": "pin", "link": LINK, "card": encoded(b"{}")})


def test_a_partner_that_signs_two_histories_raises_an_alarm_once(
    service: Service, caen: Site
) -> None:
    service.answer("admin", pin_message(caen))
    raws, head = write_chain(drafts(3))
    lies, _ = write_chain(drafts(3, "delivered"))
    for page, claimed in ((raws, head), (lies, head_at(lies)), (lies, head_at(lies))):
        answer = service.answer(
            "relay",
            {
                "op": "accept_partner",
                "link": LINK,
                "entries": [encoded(raw) for raw in page],
                "head": claimed.to_json(),
            },
        )
    assert answer["by_partner"]
    assert kinds(service, "box") == ["partner_fork"]
    faults = service.answer("admin", {"op": "verify_partner", "link": LINK})["faults"]
    assert len(faults) == 1
    assert "contradicting" in faults[0]
    assert service.answer("admin", {"op": "verify_own"}) == {"faults": []}


def test_the_partners_entries_can_be_read_again(service: Service, caen: Site) -> None:
    service.answer("admin", pin_message(caen))
    question = {"op": "partner_head", "link": LINK}
    assert service.answer("relay", question) == {"head": None}
    raws, head = write_chain(drafts(3))
    service.answer(
        "relay",
        {
            "op": "accept_partner",
            "link": LINK,
            "entries": [encoded(raw) for raw in raws],
            "head": head.to_json(),
        },
    )
    assert service.answer("relay", question) == {"head": head.to_json()}
    asked = {"op": "partner_entries", "link": LINK, "after": 1, "limit": 1}
    assert service.answer("relay", asked) == {"entries": [encoded(raws[1])]}
