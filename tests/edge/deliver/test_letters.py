"""HL7 messages to a RIS that behaves, and to RISs that do not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bocage_contract.coercion import Coerce
from bocage_edge.deliver.identifying import LinkIdentifiers
from bocage_edge.hl7.message import parse
from bocage_edge.hl7.reading import read
from bocage_edge.spool.types import DeliveryState, ObjectKind, ObjectState
from tests.edge.deliver.practice import EXAM, LINK, Practice
from tests.edge.deliver.station import station
from tests.edge.hl7.messages import er7, order, result
from tests.fakes.instances import instance
from tests.fakes.ris import (
    CR,
    FS,
    VT,
    Manners,
    acks,
    answer_to,
    drips,
    hangs_up,
    ris,
    says,
    silent,
)

PATIENT_ID, ACCESSION, STUDY = 0x00100020, 0x00080050, 0x0020000D
UNANSWERED = "it did not acknowledge the message in time"


def report(control: str = "CAB9", *, state: str = "F", text: str = "Normal.") -> bytes:
    line = f"OBX|1|TX|CR^Compte rendu||{text}||||||{state}"
    return er7(*result(line, state=state, said="UNICODE UTF-8", control=control))


def reasons(box: Practice, name: str) -> list[str]:
    return [each.reason for each in box.spool.deliveries_of(name)]


def test_a_message_is_delivered_once_its_own_acknowledgement_says_so(tmp_path: Path) -> None:
    with ris() as there, Practice(tmp_path, there.destination()) as box:
        name = box.arrive_message(report())
        box.run()
        assert there.came == [report()]
        entry = box.body("delivered")
        assert (entry["acknowledged"], entry["done"], entry["destination"]) == ("AA", True, "ris")
        assert "transfer_syntax" not in entry
        assert box.kinds() == ["opened", "delivered"]
        assert [each.object.state for each in box.spool.deliveries_of(name)] == [
            ObjectState.RETIRED
        ]


def test_one_connection_serves_all_messages_in_their_order(tmp_path: Path) -> None:
    with ris() as there, Practice(tmp_path, there.destination()) as box:
        for number in range(20):
            box.arrive_message(report(f"M{number}"), exam=f"{number:032x}")
        box.run()
        assert there.control_ids() == [f"M{number}" for number in range(20)]
        assert there.connections == 1


@pytest.mark.parametrize(
    ("manner", "reason"),
    [
        (silent, UNANSWERED),
        (hangs_up, "it ended the connection"),
        (acks(control="OTHER"), UNANSWERED),
        (says(lambda m: answer_to(m, "AA")[:-9]), UNANSWERED),
        (says(lambda m: answer_to(m, "AA")[:-9], then=False), "it ended the connection"),
        (drips, UNANSWERED),
        (says(VT + b"no message at all" + FS + CR), UNANSWERED),
        (says(b"HTTP/1.1 400 Bad Request\r\n" * 60), "what it answers is no MLLP"),
        (says(VT + b"M" * 70_000), "what it answers is no MLLP"),
        (says(lambda m: answer_to(m, "AA", control="x") * 40), UNANSWERED),
    ],
    ids=["silent", "cut", "other's", "half", "half, cut", "drip", "junk", "http", "huge", "many"],
)
def test_what_is_not_acknowledged_is_unknown_and_goes_again(
    tmp_path: Path, manner: Manners, reason: str
) -> None:
    with (
        ris(manner, acks()) as there,
        Practice(tmp_path, there.destination(answer_s=0.3)) as box,
    ):
        name = box.arrive_message(report())
        box.run()
        assert "delivered" not in box.kinds()
        assert reasons(box, name) == [reason]
        box.clock.advance(31)
        box.run()
        assert there.control_ids() == ["CAB9", "CAB9"]
        assert box.body("delivered")["acknowledged"] == "AA"


@pytest.mark.parametrize(
    "manner",
    [
        says(b"\r\n\0 ok ", lambda m: answer_to(m, "AA")),
        says(lambda m: answer_to(m, "AA", control="OLD") + answer_to(m, "AA")),
        says(*[lambda m, i=i: answer_to(m, "AA")[i : i + 1] for i in range(80)]),
        says(lambda m: answer_to(m, "AA").removesuffix(CR)),
    ],
    ids=["junk before", "another's first", "in pieces", "without the last CR"],
)
def test_an_acknowledgement_is_found_in_what_comes(tmp_path: Path, manner: Manners) -> None:
    with ris(manner) as there, Practice(tmp_path, there.destination()) as box:
        box.arrive_message(report())
        box.run()
        assert box.body("delivered")["acknowledged"] == "AA"


def test_a_second_acknowledgement_is_not_taken_for_the_next_message(tmp_path: Path) -> None:
    twice = says(lambda m: answer_to(m, "AA") * 2)
    with ris(twice, acks("AR")) as there, Practice(tmp_path, there.destination()) as box:
        box.arrive_message(report("ONE"))
        second = box.arrive_message(report("TWO"), exam="cd" * 16)
        box.run()
        assert len(box.bodies("delivered")) == 1
        assert reasons(box, second) == ["it rejects the message (AR)"]


def test_a_poisoned_message_blocks_no_other(tmp_path: Path) -> None:
    with (
        ris(acks("AE"), acks("AR"), acks()) as there,
        Practice(tmp_path, there.destination()) as box,
    ):
        names = [box.arrive_message(report(f"M{n}"), exam=f"{n:032x}") for n in range(4)]
        box.run()
        states = [each.state for name in names for each in box.spool.deliveries_of(name)]
        assert states == [
            DeliveryState.DUE,
            DeliveryState.REFUSED,
            DeliveryState.DELIVERED,
            DeliveryState.DELIVERED,
        ]
        assert box.body("refused")["reason"] == "it rejects the message (AR)"


def test_a_ris_that_is_away_is_probed_by_one_message(tmp_path: Path) -> None:
    with ris() as gone:
        away = gone.destination()
    with Practice(tmp_path, away) as box:
        for number in range(5):
            box.arrive_message(report(f"M{number}"), exam=f"{number:032x}")
        box.run()
        said = box.forwarder.status(box.clock.now(), box.setup)["destinations"]["ris"]
        assert (said["due"], said["held_reason"]) == (5, "it cannot be reached")
        with ris(port=away.port) as there:
            box.clock.advance(6)
            box.run()
            assert there.control_ids() == [f"M{number}" for number in range(5)]


def test_a_ris_that_restarts_between_two_messages_loses_none(tmp_path: Path) -> None:
    with ris() as first:
        there = first.destination()
        box = Practice(tmp_path, there)
        box.arrive_message(report("ONE"))
        box.run()
    with box, ris(port=there.port) as second:
        box.arrive_message(report("TWO"), exam="cd" * 16)
        box.run()
        assert second.control_ids() == ["TWO"]
        assert len(box.bodies("delivered")) == 2


# Enhanced mode


def test_the_commit_is_enough_where_no_more_is_asked(tmp_path: Path) -> None:
    with (
        ris(acks("CA")) as there,
        Practice(tmp_path, there.destination(acknowledgement="enhanced")) as box,
    ):
        box.arrive_message(report())
        box.run()
        header = parse(there.came[0]).header
        assert (header.text(15), header.text(16)) == ("AL", "NE")
        assert box.body("delivered")["acknowledged"] == "CA"


ENHANCED: dict[str, Any] = {
    "acknowledgement": "enhanced",
    "application_acknowledgement": True,
    "application_answer_s": 0.3,
}


def of_application(code: str, *, wants: str = "") -> Manners:
    """Commit, then let the application answer."""

    def application(message: bytes) -> bytes:
        answer = answer_to(message, code)
        return answer.replace(b"||ACK|A1|P|2.5", b"||ACK|A1|P|2.5|||" + wants.encode())

    return says(lambda m: answer_to(m, "CA"), application)


def test_an_application_that_is_waited_for_has_the_last_word(tmp_path: Path) -> None:
    with (
        ris(of_application("AA"), of_application("AR"), acks("CA"), acks("AA")) as there,
        Practice(tmp_path, there.destination(**ENHANCED)) as box,
    ):
        names = [box.arrive_message(report(f"M{n}"), exam=f"{n:032x}") for n in range(4)]
        box.run()
        assert [reasons(box, name)[0] for name in names] == [
            "",
            "it rejects the message (AR)",
            "its application did not acknowledge the message in time",
            "",
        ]
        assert [each["acknowledged"] for each in box.bodies("delivered")] == ["AA", "AA"]


def test_the_application_is_told_that_its_answer_came(tmp_path: Path) -> None:
    with (
        ris(of_application("AA", wants="AL")) as there,
        Practice(tmp_path, there.destination(**ENHANCED)) as box,
    ):
        box.arrive_message(report())
        box.run()
        assert there.wait_for(2)
        answer = parse(there.came[1])
        msa = answer.first("MSA")
        assert msa is not None
        assert (msa.text(1), msa.text(2)) == ("CA", "A1")


# What is sent


def test_a_report_bears_the_hospitals_own_numbers(tmp_path: Path) -> None:
    own = {PATIENT_ID: b"0042", ACCESSION: b"ACC77", STUDY: b"1.2.3"}
    with ris() as there, Practice(tmp_path, there.destination()) as box:
        box.setup = replace(box.setup, identifiers={LINK: LinkIdentifiers("h", "p", is_home=True)})
        box.send(EXAM, own)
        box.arrive_message(report())
        box.run()
        found = read(there.came[0]).identities
        assert (found.patients[0].number, found.accessions[0].number) == ("0042", "ACC77")
        what = ["PID-3", "OBR-3", "OBR-18", "OBR-20"]
        assert box.body("coerced")["what"] == what
        assert "identifiers" not in box.body("delivered")


def test_a_request_bears_the_marks_of_its_exam_at_the_practice(tmp_path: Path) -> None:
    """Else its RIS and its PACS would know one exam by two numbers, or two by one."""
    coerce = Coerce(patient_id_prefix="FL-", accession_prefix="FL-")
    with ris() as there, Practice(tmp_path, there.destination()) as box:
        identifiers = {LINK: LinkIdentifiers("caen-1", "flers-1", coerce=coerce)}
        box.setup = replace(box.setup, identifiers=identifiers)
        box.arrive_message(er7(*order()), kind=ObjectKind.REQUEST)
        box.run()
        box.arrive_message(report())
        box.run()
        request, came = map(read, there.came)
        assert request.identities.patients[0].number == "FL-0042"
        assert request.identities.accessions[0].number == "FL-ACC77"
        assert came.identities.patients[0].number == "TH77"
        assert box.body("coerced")["what"] == ["PID-3", "OBR-18"]


def test_a_report_of_an_exam_whose_numbers_cannot_be_had_waits(tmp_path: Path) -> None:
    with ris() as there, Practice(tmp_path, there.destination()) as box:
        box.setup = replace(box.setup, identifiers={LINK: LinkIdentifiers("h", "p", is_home=True)})
        name = box.arrive_message(report())
        box.run()
        assert there.came == []
        assert "cannot be opened on this box" in reasons(box, name)[0]


def test_what_the_ris_cannot_write_is_refused_in_words_or_goes_in_utf_8(tmp_path: Path) -> None:
    latin = {"charset": "8859/1"}
    with ris() as there, Practice(tmp_path, there.destination(**latin)) as box:
        name = box.arrive_message(report(text="L\u2019aorte \u2013 3 cm"))
        box.run()
        assert reasons(box, name) == [
            "a character of it is not in 8859/1, which its receiver takes"
        ]
        box.setup = replace(
            box.setup, destinations={"ris": there.destination(utf8_where_needed=True, **latin)}
        )
        box.spool.deliver_to(name, ["ris"])
        box.run()
        assert "L\u2019aorte \u2013 3 cm" in there.came[0].decode()


@pytest.mark.parametrize(
    ("message", "media_type", "says_"),
    [
        (b"%PDF-1.4", "application/pdf", "takes HL7 messages only"),
        (b"no message", "x-application/hl7-v2+er7", "begins with MSH"),
        (er7(*result(control="")), "x-application/hl7-v2+er7", "MSH-10 is empty"),
        (report(text="a\x1cb"), "x-application/hl7-v2+er7", "the byte FS"),
    ],
)
def test_what_is_no_message_is_refused(
    tmp_path: Path, message: bytes, media_type: str, says_: str
) -> None:
    with ris() as there, Practice(tmp_path, there.destination()) as box:
        name = box.arrive_message(message, media_type=media_type)
        box.run()
        assert says_ in reasons(box, name)[0]
        assert box.spool.deliveries_of(name)[0].state is DeliveryState.REFUSED


def test_an_instance_is_not_sent_to_a_ris(tmp_path: Path) -> None:
    with ris() as there, Practice(tmp_path, there.destination()) as box:
        name = box.arrive(instance(1), ("ris",))
        box.run()
        assert reasons(box, name) == ["an HL7 listener takes HL7 messages only"]


def test_a_locked_box_says_that_it_has_no_key(tmp_path: Path) -> None:
    with ris() as there, Practice(tmp_path, there.destination()) as box:
        box.keys = ()
        box.arrive_message(report())
        box.run()
        assert box.kinds() == ["cannot_open"]


# The order of one exam's reports


def test_a_final_waits_for_the_preliminary_before_it(tmp_path: Path) -> None:
    with ris(silent, acks()) as there, Practice(tmp_path, there.destination(answer_s=0.3)) as box:
        box.arrive_message(report("PRE", state="P"))
        box.arrive_message(report("FIN"))
        box.arrive_message(report("OTH"), exam="cd" * 16)
        box.run()
        # Nobody has said yet that the first is preliminary: it may be what the second amends.
        assert there.control_ids() == ["PRE", "OTH"]
        box.clock.advance(31)
        box.run()
        assert there.control_ids() == ["PRE", "OTH", "PRE", "FIN"]


def test_a_final_passes_a_preliminary_that_failed_which_then_never_goes(tmp_path: Path) -> None:
    with ris(acks("AE"), acks()) as there, Practice(tmp_path, there.destination()) as box:
        name = box.arrive_message(report("PRE", state="P"))
        box.spool.note_reports(LINK, [(name, EXAM, "preliminary", 1.0)])
        box.arrive_message(report("FIN"))
        box.run()
        assert there.control_ids() == ["PRE", "FIN"]
        box.clock.advance(31)
        box.run()
        assert there.control_ids() == ["PRE", "FIN"]
        assert reasons(box, name) == ["a later report of its exam was delivered before it"]


def test_requests_of_one_exam_keep_their_order(tmp_path: Path) -> None:
    with ris(acks("AE"), acks()) as there, Practice(tmp_path, there.destination()) as box:
        for control, code in (("NEW", "NW"), ("CAN", "CA")):
            message = er7(*order(control=control, code=code))
            box.arrive_message(message, kind=ObjectKind.REQUEST)
        box.run()
        assert there.control_ids() == ["NEW"]
        box.clock.advance(31)
        box.run()
        assert there.control_ids() == ["NEW", "NEW", "CAN"]


# Both kinds of destination


def test_a_connection_that_stands_answers_for_the_ris(tmp_path: Path) -> None:
    with ris() as there, Practice(tmp_path, there.destination(), echo_every_s=60.0) as box:
        box.arrive_message(report())
        box.run()
        box.clock.advance(61)
        box.run()
        said = box.forwarder.status(box.clock.now(), box.setup)["destinations"]["ris"]
        assert said["echo_ok"] is True
        assert there.connections <= 2


def test_a_pacs_and_a_ris_each_get_their_own(tmp_path: Path) -> None:
    with (
        ris() as there,
        station() as pacs,
        Practice(tmp_path, there.destination(), pacs.destination()) as box,
    ):
        box.arrive(instance(1))
        box.arrive_message(report())
        box.run()
        assert (len(pacs.came), len(there.came)) == (1, 1)
