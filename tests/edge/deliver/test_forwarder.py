"""The deliver unit's step, with real stations."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bocage_contract.exam_class import ExamClass
from bocage_edge.deliver.schedule import FIRST_DELAY_S, FIRST_HOLD_S
from bocage_edge.seal.syntax import EXPLICIT_LITTLE, IMPLICIT_LITTLE, RLE_LOSSLESS
from bocage_edge.spool.types import DeliveryState, ObjectState
from tests.edge.deliver.files import parse, take_apart
from tests.edge.deliver.practice import Practice
from tests.edge.deliver.station import CR, CT, station
from tests.fakes.instances import Instance, instance


def test_an_instance_arrives_byte_for_byte_and_the_ledger_says_so(tmp_path: Path) -> None:
    one = instance(1)
    with station() as there, Practice(tmp_path, there.destination()) as box:
        name = box.arrive(one)
        box.run()
        assert there.came == [(one.sop_instance, EXPLICIT_LITTLE, one.data_set)]
        assert box.kinds() == ["opened", "delivered"]
        body = box.body("delivered")
        assert body == {
            "object": name,
            "exam_id": "ab" * 16,
            "digest": body["digest"],
            "destination": "pacs",
            "transfer_syntax": EXPLICIT_LITTLE,
            "tls": False,
            "status": 0,
            "sop_class": one.sop_class,
            "bytes": len(one.data_set),
            "done": True,
        }
        found = box.spool.get(name)
        assert found is not None
        assert found.state is ObjectState.RETIRED
        box.clock.advance(1.0)
        box.run()
        assert box.handed_over == 2


def test_only_the_last_station_ends_an_object_for_its_sender(tmp_path: Path) -> None:
    """The sender keeps an object until an entry says that it is done everywhere."""
    with station() as near, station() as far:
        destinations = near.destination(), far.destination("archive")
        with Practice(tmp_path, *destinations) as box:
            name = box.arrive(instance(1), destinations=["pacs", "archive"])
            box.run()
            done = [body["done"] for body in box.bodies("delivered")]
            assert done == [False, True]
            found = box.spool.get(name)
            assert found is not None
            assert found.state is ObjectState.RETIRED


def test_urgent_goes_first_then_the_order_of_arrival(tmp_path: Path) -> None:
    with station() as there:
        destination = there.destination(max_associations=1)
        with Practice(tmp_path, destination) as box:
            for number in (1, 2, 3):
                box.arrive(instance(number))
            box.arrive(instance(4), klass=ExamClass.URGENT)
            box.arrive(instance(5), klass=ExamClass.PRIOR)
            box.arrive(instance(6))
            box.run()
        uids = [instance(number).sop_instance for number in (4, 1, 2, 3, 6, 5)]
        assert there.instances() == uids
        assert len(there.associations) == 1


def test_several_associations_at_once_but_not_more_than_allowed(tmp_path: Path) -> None:
    together = threading.Barrier(3)
    most = 0
    at_once = 0
    lock = threading.Lock()

    def slow(_event: Any) -> int:
        nonlocal most, at_once
        with lock:
            at_once += 1
            most = max(most, at_once)
        together.wait(10)
        with lock:
            at_once -= 1
        return 0

    with station(answer=slow) as there:
        with Practice(tmp_path, there.destination(max_associations=3)) as box:
            for number in range(6):
                box.arrive(instance(number))
            box.run()
        assert len(there.came) == 6
        assert most == 3
        assert len(there.associations) == 3


def test_a_new_class_or_syntax_gets_a_new_association_and_then_both_share_one(
    tmp_path: Path,
) -> None:
    with station() as there:
        with Practice(tmp_path, there.destination(max_associations=1)) as box:
            for number in range(6):
                box.arrive(instance(number, sop_class=CT if number % 2 else CR))
            box.run()
        assert len(there.came) == 6
        assert len(there.associations) == 2


@pytest.mark.parametrize("status", [0xA900, 0xC000, 0x0122])
def test_a_refused_instance_is_kept_and_its_neighbours_pass(tmp_path: Path, status: int) -> None:
    bad = instance(2)

    def answer(event: Any) -> int:
        return status if event.request.AffectedSOPInstanceUID == bad.sop_instance else 0

    with station(answer=answer) as there:
        with Practice(tmp_path, there.destination(max_associations=1)) as box:
            names = [box.arrive(instance(number)) for number in (1, 2, 3)]
            box.run()
            assert box.kinds().count("delivered") == 2
            assert box.body("refused")["scope"] == "instance"
            (delivery,) = box.spool.deliveries_of(names[1])
            assert delivery.state is DeliveryState.REFUSED
            assert f"0x{status:04X}" in delivery.reason
            found = box.spool.get(names[1])
            assert found is not None
            assert found.state is ObjectState.REFUSED
            with box.spool.open(names[1]) as kept:
                assert kept.read(1)
            said = box.forwarder.status(box.clock.now(), box.setup)["destinations"]["pacs"]
            assert said["refused"] == 1
            assert said["last_refusal"] == delivery.reason
        assert len(there.associations) == 1


def test_a_warning_is_delivered_and_the_ledger_holds_it(tmp_path: Path) -> None:
    with (
        station(answer=lambda event: 0xB007) as there,
        Practice(tmp_path, there.destination()) as box,
    ):
        box.arrive(instance(1))
        box.run()
        assert box.body("delivered")["status"] == 0xB007


def test_a_full_station_is_held_and_probed_by_one_attempt_then_everything_goes(
    tmp_path: Path,
) -> None:
    is_full = True
    asked: list[str] = []

    def answer(event: Any) -> int:
        asked.append(event.request.AffectedSOPInstanceUID)
        return 0xA700 if is_full else 0

    with (
        station(answer=answer) as there,
        Practice(tmp_path, there.destination(max_associations=1)) as box,
    ):
        for number in range(10):
            box.arrive(instance(number))
        box.run()
        assert len(asked) == 1
        said = box.forwarder.status(box.clock.now(), box.setup)["destinations"]["pacs"]
        assert said["held_reason"] == "station is out of resources (0xA700)"
        assert said["held_until"] == box.clock.now() + FIRST_HOLD_S
        assert said["due"] == 10
        box.clock.advance(FIRST_HOLD_S + 0.1)
        box.run()
        assert len(asked) == 2
        assert len(set(asked)) == 1
        is_full = False
        box.clock.advance(2 * FIRST_HOLD_S + 0.1)
        box.run()
        assert box.kinds().count("delivered") == 10
        assert box.spool.pauses() == []


def test_a_station_that_is_away_and_comes_back(tmp_path: Path) -> None:
    with station() as there:
        away = there.destination()
    with Practice(tmp_path, away) as box:
        for number in range(3):
            box.arrive(instance(number))
        box.run()
        (pause,) = box.spool.pauses()
        assert pause.reason == "station cannot be reached"
        with station() as back:
            # A corrected address is tried at once, and everything deferred with it.
            box.setup = replace(box.setup, destinations={"pacs": back.destination()})
            box.run()
            assert len(back.came) == 3


def test_lanes_that_fail_together_hold_their_destination_once(tmp_path: Path) -> None:
    with station() as there:
        away = there.destination(max_associations=3)
    with Practice(tmp_path, away) as box:
        for number in range(6):
            box.arrive(instance(number))
        box.run()
        (pause,) = box.spool.pauses()
        assert pause.due_at == box.clock.now() + FIRST_HOLD_S


def test_an_unknown_ae_title_is_refused_for_the_destination_and_nothing_is_lost(
    tmp_path: Path,
) -> None:
    with station(require_called_aet=True) as there:
        with Practice(tmp_path, there.destination(aet="OTHER")) as box:
            name = box.arrive(instance(1))
            box.run()
            (delivery,) = box.spool.deliveries_of(name)
            assert delivery.state is DeliveryState.DUE
            assert delivery.reason == "station does not know the AE title we call"
            assert box.kinds() == []
            box.setup = replace(box.setup, destinations={"pacs": there.destination()})
            box.clock.advance(FIRST_HOLD_S + 0.1)
            box.run()
        assert len(there.came) == 1


def test_one_instance_the_station_chokes_on_does_not_stop_the_others(tmp_path: Path) -> None:
    poison = instance(0).sop_instance

    def answer(event: Any) -> int:
        if event.request.AffectedSOPInstanceUID == poison:
            event.assoc.abort(block=False)
        return 0

    with (
        station(answer=answer) as there,
        Practice(tmp_path, there.destination(max_associations=1)) as box,
    ):
        names = [box.arrive(instance(number)) for number in range(5)]
        box.run()
        (delivery,) = box.spool.deliveries_of(names[0])
        assert delivery.state is DeliveryState.DUE
        assert delivery.due_at == box.clock.now() + FIRST_DELAY_S
        assert box.kinds().count("delivered") == 4
        assert box.spool.pauses() == []


def test_a_station_that_chokes_on_everything_is_held(tmp_path: Path) -> None:
    asked = []

    def answer(event: Any) -> int:
        asked.append(event.request.AffectedSOPInstanceUID)
        event.assoc.abort(block=False)
        return 0

    with (
        station(answer=answer) as there,
        Practice(tmp_path, there.destination(max_associations=1)) as box,
    ):
        for number in range(10):
            box.arrive(instance(number))
        box.run()
        assert len(asked) == 3
        assert [pause.reason for pause in box.spool.pauses()] == ["station did not answer"]
        assert box.kinds() == []


def test_a_lost_answer_is_sent_again_and_never_called_delivered_before(tmp_path: Path) -> None:
    is_silent = True
    never = threading.Event()

    def answer(_event: Any) -> int:
        if is_silent:
            never.wait(5)
        return 0

    with station(answer=answer) as there, Practice(tmp_path, there.destination()) as box:
        box.arrive(instance(1))
        box.run()
        assert box.kinds() == []
        is_silent = False
        never.set()
        box.clock.advance(FIRST_DELAY_S + 1)
        box.run()
        assert box.kinds() == ["opened", "delivered"]


def test_a_digest_that_is_not_the_partners_never_completes(tmp_path: Path) -> None:
    with station() as there, Practice(tmp_path, there.destination(max_associations=1)) as box:
        wrong = box.arrive(instance(1), digest="0" * 64)
        box.arrive(instance(2))
        box.run()
        assert there.instances() == [instance(2).sop_instance]
        assert box.kinds() == ["corrupt", "refused", "opened", "delivered"]
        assert box.body("corrupt")["object"] == wrong


@pytest.mark.parametrize("damage", [-1, -400, 300])
def test_damaged_sealed_bytes_never_complete(tmp_path: Path, damage: int) -> None:
    with station() as there, Practice(tmp_path, there.destination()) as box:
        box.arrive(instance(1, pixels=bytes(range(256)) * 4), damage=damage)
        box.run()
        assert there.came == []
        assert "corrupt" in box.kinds()


def test_a_destination_that_is_not_configured_waits_and_is_shown(tmp_path: Path) -> None:
    with station() as there, Practice(tmp_path, there.destination()) as box:
        box.arrive(instance(1), ["gone", "pacs"])
        box.run()
        assert len(there.came) == 1
        said = box.forwarder.status(box.clock.now(), box.setup)["destinations"]
        assert said["gone"]["due"] == 1
        assert said["gone"]["is_configured"] is False


def test_a_station_that_takes_only_implicit_gets_the_same_values(tmp_path: Path) -> None:
    one = instance(1)
    with station([IMPLICIT_LITTLE]) as there, Practice(tmp_path, there.destination()) as box:
        box.arrive(one)
        box.run()
        ((_, syntax, raw),) = there.came
        assert syntax == IMPLICIT_LITTLE
        assert (
            parse(syntax, raw).to_json_dict() == parse(EXPLICIT_LITTLE, one.data_set).to_json_dict()
        )
        assert box.kinds() == ["opened", "transcoded", "delivered"]
        body = box.body("transcoded")
        assert (body["from"], body["to"]) == (EXPLICIT_LITTLE, IMPLICIT_LITTLE)
        assert box.body("delivered")["transfer_syntax"] == IMPLICIT_LITTLE


def test_what_no_syntax_of_the_station_can_hold_is_refused_in_words(tmp_path: Path) -> None:
    with (
        station(["1.2.840.10008.1.2.4.50"]) as there,
        Practice(tmp_path, there.destination()) as box,
    ):
        box.arrive(instance(1))
        box.run()
        assert box.body("refused")["reason"] == ("station accepts no transfer syntax we can offer")
        assert there.came == []


def test_a_kind_of_instance_the_station_does_not_store_is_refused_in_words(
    tmp_path: Path,
) -> None:
    with (
        station(classes=[CT]) as there,
        Practice(tmp_path, there.destination(max_associations=1)) as box,
    ):
        box.arrive(instance(1))
        box.arrive(instance(2, sop_class=CT))
        box.run()
        assert there.instances() == [instance(2).sop_instance]
        reason = "station does not store this kind of instance"
        assert box.body("refused")["reason"] == reason


@pytest.mark.processes
def test_a_coded_image_is_decoded_in_the_worker_for_a_station_that_needs_it(
    tmp_path: Path,
) -> None:
    syntax, raw = take_apart("MR_small_RLE.dcm")
    assert syntax == RLE_LOSSLESS
    whole = parse(syntax, raw)
    coded = Instance(str(whole.SOPClassUID), str(whole.SOPInstanceUID), raw)
    with (
        station([EXPLICIT_LITTLE], classes=[coded.sop_class]) as there,
        Practice(tmp_path, there.destination()) as box,
    ):
        box.arrive(coded, syntax=syntax)
        box.run()
        ((_, sent_as, sent),) = there.came
        assert sent_as == EXPLICIT_LITTLE
        assert (parse(sent_as, sent).pixel_array == whole.pixel_array).all()


def test_an_association_the_station_closed_meanwhile_costs_nothing(tmp_path: Path) -> None:
    with station() as there, Practice(tmp_path, there.destination(max_associations=1)) as box:
        box.arrive(instance(1))
        box.run()
        there.associations[0].abort()
        box.arrive(instance(2))
        box.run()
        assert box.kinds().count("delivered") == 2


def test_idle_associations_are_released(tmp_path: Path) -> None:
    with station() as there, Practice(tmp_path, there.destination(), release_after_s=0.05) as box:
        box.arrive(instance(1))
        box.run()
        (association,) = there.associations
        association.join(10)
        assert association.is_released


def test_a_changed_destination_is_used_from_the_next_order_on(tmp_path: Path) -> None:
    with station() as one, station() as other, Practice(tmp_path, one.destination()) as box:
        box.arrive(instance(1))
        box.run()
        box.setup = replace(box.setup, destinations={"pacs": other.destination()})
        box.arrive(instance(2))
        box.run()
        assert one.instances() == [instance(1).sop_instance]
        assert other.instances() == [instance(2).sop_instance]


def test_a_silent_station_is_asked_by_echo(tmp_path: Path) -> None:
    with station() as there, Practice(tmp_path, there.destination(), echo_every_s=60.0) as box:
        box.run()
        box.run()
        said = box.forwarder.status(box.clock.now(), box.setup)["destinations"]["pacs"]
        assert said["echo_ok"] is True
        assert said["echo_at"] == box.clock.now()


def test_due_moment_is_committed_before_the_order_is_given(tmp_path: Path) -> None:
    seen: list[float] = []
    with station() as there, Practice(tmp_path, there.destination()) as box:
        name = box.arrive(instance(1))
        (delivery,) = box.spool.deliveries_of(name)

        def answer_reads_the_spool(_event: Any) -> int:
            seen.append(box.spool.deliveries_of(name)[0].due_at)
            return 0

        with station(answer=answer_reads_the_spool) as reading:
            box.setup = replace(box.setup, destinations={"pacs": reading.destination()})
            box.run()
        assert seen == [box.clock.now() + FIRST_DELAY_S]
        assert delivery.attempts == 0


def test_two_destinations_do_not_wait_for_each_other(tmp_path: Path) -> None:
    with station() as gone:
        away = gone.destination("away")
    with station() as there, Practice(tmp_path, there.destination(), away) as box:
        names = [box.arrive(instance(number), ["away", "pacs"]) for number in range(3)]
        box.run()
        assert len(there.came) == 3
        found = box.spool.get(names[0])
        assert found is not None
        assert found.state is not ObjectState.RETIRED


def test_what_was_under_way_when_the_unit_died_goes_on_at_once(tmp_path: Path) -> None:
    """Our own end says nothing of the station; nobody waits half a minute for it."""
    one = instance(1)
    with station() as there:
        with Practice(tmp_path, there.destination()) as died:
            died.arrive(one)
            (due,) = died.spool.due_deliveries(died.clock.now(), 9)
            assert died.spool.begin_attempt(due.id, died.clock.now() + FIRST_DELAY_S)
        with Practice(tmp_path, there.destination()) as box:
            box.keys = died.keys
            box.run()
            assert there.came == [(one.sop_instance, EXPLICIT_LITTLE, one.data_set)]


def test_a_header_with_a_uid_that_is_none_is_refused_and_not_written_into_the_ledger(
    tmp_path: Path,
) -> None:
    with station() as there, Practice(tmp_path, there.destination()) as box:
        box.arrive(instance(1), syntax="Doe^Jane")
        box.run()
        assert there.came == []
        assert "Doe" not in str(box.body("refused"))
