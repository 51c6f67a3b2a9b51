"""Objects that no destination can take: held in words, and on their way once one can."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bocage_contract.configuration import Desired
from bocage_contract.destination import Destination
from bocage_edge.spool.types import ObjectKind
from bocage_edge.spool.undirected import HeldForWant
from tests.contract.keys import desired_document, identity
from tests.edge.deliver.practice import LINK, Practice
from tests.edge.deliver.station import Station, station
from tests.edge.hl7.messages import er7, result
from tests.fakes.instances import instance
from tests.fakes.ris import Ris, ris

NO_HL7 = "no destination of its rule takes HL7"


def configured(
    box: Practice, revision: int, *there: Destination, classes: list[str] | None = None
) -> None:
    """Give the box a configuration with these destinations, all named by one rule."""
    value = copy.deepcopy(desired_document(identity(1)))
    value["revision"] = revision
    value["destinations"] = []
    names = [each.name for each in there] or ["none"]
    value["links"][0]["deliver"] = [{"classes": classes, "destinations": names}]
    desired = Desired.model_construct(
        **{**dict(Desired.of(with_dummy(value))), "destinations": list(there)}
    )
    assert desired.links[0].id == LINK
    box.setup = replace(
        box.setup,
        desired=desired,
        revision=revision,
        destinations={each.name: each for each in there},
    )


def with_dummy(value: dict[str, Any]) -> dict[str, Any]:
    """Make the names of the rule fit: the fakes' times are shorter than a document may say."""
    names = value["links"][0]["deliver"][0]["destinations"]
    value["destinations"] = [
        {"name": name, "kind": "hl7", "host": "127.0.0.1", "port": 1} for name in names
    ]
    return value


def message(control: str = "M1") -> bytes:
    return er7(*result(control=control))


def pacs_and_ris(pacs: Station, there: Ris) -> tuple[Destination, Destination]:
    return pacs.destination(), there.destination()


def test_a_request_without_a_ris_is_held_and_goes_once_there_is_one(tmp_path: Path) -> None:
    with station() as pacs, ris() as there, Practice(tmp_path) as box:
        configured(box, 1, pacs.destination())
        name = box.arrive_message(message(), (), kind=ObjectKind.REQUEST)
        box.run()
        held = box.body("held")
        assert (held["object"], held["reason"]) == (name, NO_HL7)
        assert box.spool.held_for_want() == [HeldForWant(LINK, ObjectKind.REQUEST, NO_HL7, 1)]
        box.run()
        assert box.kinds() == ["held"]  # said once

        configured(box, 2, *pacs_and_ris(pacs, there))
        box.run()
        assert there.control_ids() == ["M1"]
        assert box.kinds() == ["held", "released", "opened", "delivered"]
        assert box.spool.held_for_want() == []
        assert pacs.came == []


def test_the_reason_follows_the_configuration(tmp_path: Path) -> None:
    with station() as pacs, Practice(tmp_path) as box:
        configured(box, 1, classes=["urgent"])
        box.arrive_message(message(), (), kind=ObjectKind.REQUEST)
        box.run()
        configured(box, 2, pacs.destination())
        box.run()
        configured(box, 3, pacs.destination())
        box.run()
        assert [each["reason"] for each in box.bodies("held")] == [
            "no destination is configured for it",
            NO_HL7,
        ]


def test_an_instance_is_held_where_only_a_ris_is_named(tmp_path: Path) -> None:
    with station() as pacs, ris() as there, Practice(tmp_path) as box:
        configured(box, 1, there.destination())
        box.arrive(instance(1), ())
        box.run()
        assert box.body("held")["reason"] == "no destination of its rule takes DICOM"
        configured(box, 2, *pacs_and_ris(pacs, there))
        box.run()
        assert len(pacs.came) == 1
        assert there.came == []


def test_a_report_goes_to_the_pacs_where_there_is_no_ris(tmp_path: Path) -> None:
    with station() as pacs, Practice(tmp_path) as box:
        configured(box, 1, pacs.destination())
        name = box.arrive_message(message(), ())
        box.run()
        assert [each.destination for each in box.spool.deliveries_of(name)] == ["pacs"]


def test_what_a_person_holds_back_stays(tmp_path: Path) -> None:
    with ris() as there, Practice(tmp_path) as box:
        name = box.arrive_message(message(), ())
        box.spool.deliver_to(name, ["ris"])
        box.spool.hold([name], "asked for by telephone")
        configured(box, 1, there.destination())
        box.run()
        assert there.came == []
        assert box.spool.held_for_want() == []


def test_one_that_a_person_lets_go_is_sought_a_place_again(tmp_path: Path) -> None:
    """Without one it would lie in the spool and go nowhere."""
    with station() as pacs, Practice(tmp_path) as box:
        configured(box, 1, pacs.destination())
        name = box.arrive_message(message(), (), kind=ObjectKind.REQUEST)
        box.run()
        assert box.spool.release([name]) == [name]
        box.run()
        assert box.spool.held_for_want() == [HeldForWant(LINK, ObjectKind.REQUEST, NO_HL7, 1)]
        assert len(box.bodies("held")) == 2


def test_more_than_a_page_of_them_are_all_found(tmp_path: Path) -> None:
    with ris() as there, Practice(tmp_path) as box:
        for number in range(300):
            box.arrive_message(message(f"M{number}"), (), exam=f"{number:032x}")
        configured(box, 1)
        box.run()
        box.run()
        assert len(box.bodies("held")) == 300
        configured(box, 2, there.destination())
        box.run()
        assert len(there.came) == 300


@pytest.mark.parametrize("reason", ["asked for", "no destination chosen yet"])
def test_only_a_want_of_destination_is_written_as_one(tmp_path: Path, reason: str) -> None:
    with Practice(tmp_path) as box:
        name = box.arrive_message(message(), ())
        with pytest.raises(ValueError, match="no destination"):
            box.spool.hold_without_destination(name, reason, [])
