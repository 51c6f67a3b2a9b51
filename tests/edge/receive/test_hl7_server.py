"""The HL7 port as the site's systems use it, and as they should not."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bocage_edge.hl7.framing import LIMIT_BYTES
from bocage_edge.receive.hl7_session import SessionLimits
from bocage_edge.spool.store import Spool
from bocage_system.clock import SystemClock
from tests.edge.hl7.messages import er7, order, result
from tests.fakes.hl7_site import RIS, Hl7Site, hl7_in_force, hl7_site
from tests.fakes.mllp import END, START, MllpPeer, msa
from tests.fakes.site import LINK

ORDER = er7(*order())
QUICK = SessionLimits(idle_s=30.0, message_s=0.5)


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Hl7Site]:
    """A hospital's box."""
    with hl7_site(tmp_path) as made:
        yield made


def numbered(number: int) -> bytes:
    """An order with its own control id."""
    return er7(*order(control=f"N{number}"))


def test_an_answer_names_the_message_and_turns_the_addresses_round(box: Hl7Site) -> None:
    with box.peer() as peer:
        peer.send(ORDER)
        header, _ = peer.answer()
    assert header[2:6] == ["BOCAGE", "FLERS", "RIS", "FLERS"]
    assert header[8] == "ACK^O01^ACK"


def test_many_messages_on_one_connection_sent_without_waiting(box: Hl7Site) -> None:
    with box.peer() as peer:
        peer.socket.sendall(b"".join(START + numbered(n) + END for n in range(20)))
        answers = [msa(peer.answer()) for _ in range(20)]
    assert answers == [("AA", f"N{n}", "") for n in range(20)]
    assert len(box.objects()) == 20


@pytest.mark.parametrize(
    ("raw", "end"),
    [
        (ORDER, b"\x1c"),  # no CR behind the end
        (ORDER.rstrip(b"\r"), END),  # none behind the last segment
        (ORDER.replace(b"\r", b"\n"), END),
        (ORDER.replace(b"\r", b"\r\n"), END),
        (er7(*order(said=""), charset="latin-1"), END),
        (er7(*order(said="8859/1"), charset="latin-1"), END),
        (b"\xef\xbb\xbf" + ORDER, END),
    ],
    ids=["no CR", "no last CR", "LF", "CRLF", "Latin-1 unsaid", "Latin-1", "BOM"],
)
def test_what_real_systems_send(box: Hl7Site, raw: bytes, end: bytes) -> None:
    """Twice, so that the end is found on the same connection."""
    with box.peer() as peer:
        peer.send(raw, end=end)
        if end == END[:1]:
            peer.socket.sendall(b"\r")
        assert msa(peer.answer()) == ("AA", "RIS0001", "")
        assert peer.said(numbered(2))[:2] == ("AA", "N2")
    first = box.objects()[0]
    assert box.opened(first) == raw


@pytest.mark.parametrize(
    ("raw", "code", "says"),
    [
        (b"hello", "AR", "a message begins with MSH"),
        (b"MSH|^~\\&|A|B|C|D|||ADT^A01|1|P|2.5\rPID|1||7\r", "AR", "takes ORM"),
        (b"MSH|^~\\&|A|B|C|D|||ORM^O01||P|2.5\rPID|1||7\r", "AR", "MSH-10 is empty"),
        (b"MSH|^~\\&|A|B|C|D|||ORM^O01|1|P|2.5\rORC|NW\r", "AR", "PID is missing"),
        (b"MSH|^~\\&|A|B|C|D|||ORM^O01|" + b"9" * 400 + b"|P\rPID|1\r", "AR", "MSH-10 is too"),
        (b"MSHABCDEFG", "AR", "no separators"),
    ],
)
def test_what_cannot_be_taken_is_answered_in_words(
    box: Hl7Site, raw: bytes, code: str, says: str
) -> None:
    """And the connection goes on."""
    with box.peer() as peer:
        said = peer.said(raw)
        assert said[0] == code
        assert says in said[2]
        assert peer.said(ORDER)[0] == "AA"


def test_a_french_site_is_answered_in_french(tmp_path: Path) -> None:
    configured = hl7_in_force()
    site = configured.desired.site.model_copy(update={"language": "fr"})
    french = configured.desired.model_copy(update={"site": site})
    with hl7_site(tmp_path, type(configured)(french, configured.card, configured.pins)) as box:
        assert "Ce site n'interprete pas" in box.say(er7(*result(), charset="latin-1"))[0][2]
        assert "doit commencer" not in box.say(b"x")[0][2]
        assert "commence par MSH" in box.say(b"x")[0][2]


def test_enhanced_mode_asks_for_the_commit(box: Hl7Site) -> None:
    """CA once it is safe; nothing where the sender wants to hear of errors alone."""
    lines = order()
    lines[0] = lines[0].replace("|P|2.3.1||||||", "|P|2.5.1|||AL|NE||")
    silent = er7(*lines).replace(b"|AL|NE|", b"|ER|NE|").replace(b"RIS0001", b"RIS0002")
    with box.peer() as peer:
        assert peer.said(er7(*lines)) == ("CA", "RIS0001", "")
        peer.send(silent)
        assert peer.said(numbered(3))[1] == "N3"
    assert len(box.objects()) == 3


def test_nothing_is_acknowledged_that_is_not_durable(tmp_path: Path) -> None:
    """No room: the sender is told to come again, and then it is taken."""
    full = Spool(tmp_path / "spool", SystemClock(), unit="receive", reserve_bytes=1 << 60)
    with hl7_site(tmp_path, spool=full) as box:
        code, _, text = box.say(ORDER)[0]
        assert code == "AE"
        assert "no room" in text
        assert box.objects() == []
    with hl7_site(tmp_path) as box:
        assert box.say(ORDER)[0][0] == "AA"


def test_strangers_are_hung_up_on_and_counted(tmp_path: Path) -> None:
    """By the thousand, and the one we know is heard all the same."""
    with hl7_site(tmp_path) as box:
        for _ in range(1000):
            with contextlib.suppress(OSError), MllpPeer(box.port, source="127.0.0.2") as peer:
                peer.send(ORDER)
        with MllpPeer(box.port, source="127.0.0.2") as peer:
            assert peer.is_ended()
        assert box.say(ORDER)[0][0] == "AA"
        counts = box.side.status()["counts"]
        assert counts["hl7 refused: address not one of this caller"] == 1001
        (entry,) = box.bodies("refused")
        assert (entry["scope"], entry["address"], entry["count"]) == ("connection", "127.0.0.2", 1)


def test_no_more_connections_than_agreed(tmp_path: Path) -> None:
    other = {"name": "dpi", "addresses": ["127.0.0.3"], "links": [{"link": LINK}]}
    configured = hl7_in_force("requesting", RIS, other, max_connections=4)
    with hl7_site(tmp_path, configured) as box, contextlib.ExitStack() as stack:
        open_ones = [stack.enter_context(box.peer()) for _ in range(2)]
        assert [peer.said(numbered(n))[0] for n, peer in enumerate(open_ones)] == ["AA", "AA"]
        assert stack.enter_context(box.peer()).is_ended()
        with MllpPeer(box.port, source="127.0.0.3") as peer:
            assert peer.said(numbered(9))[0] == "AA"


def test_one_byte_more_than_32_mib_is_refused_in_words(box: Hl7Site) -> None:
    head = ORDER + b"NTE|1||"
    with box.peer() as peer:
        peer.socket.sendall(START + head)
        left = LIMIT_BYTES + 1 - len(head)
        with contextlib.suppress(OSError):  # it hangs up once it has seen too much
            while left > 0:
                left -= peer.socket.send(b"x" * min(left, 1 << 20))
        code, control_id, text = msa(peer.answer())
    assert (code, control_id) == ("AR", "RIS0001")
    assert "32 MiB" in text
    assert box.objects() == []


def test_a_report_of_32_mib_is_taken(box: Hl7Site) -> None:
    head = ORDER + b"NTE|1||"
    raw = head + b"x" * (LIMIT_BYTES - len(head) - 1) + b"\r"
    assert box.say(raw)[0][0] == "AA"
    assert box.objects()[0].dataset_bytes == LIMIT_BYTES


def test_who_drips_is_cut_with_a_word_and_harms_nobody(tmp_path: Path) -> None:
    with hl7_site(tmp_path, limits=QUICK) as box, box.peer() as peer:
        peer.socket.sendall(START + ORDER[:100])
        assert box.say(numbered(5))[0][0] == "AA"
        code, _, text = msa(peer.answer())
        assert code == "AE"
        assert "without its end" in text
        assert peer.is_ended()


def test_a_sender_that_reads_no_answers_holds_up_itself_alone(box: Hl7Site) -> None:
    with box.peer() as deaf:
        deaf.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.send(ORDER)
        assert box.say(numbered(5))[0][0] == "AA"


def test_several_senders_at_once(box: Hl7Site) -> None:
    """Each message is one object, whoever sends it at the same time."""
    said: list[str] = []

    def send(first: int) -> None:
        said.extend(code for code, _, _ in box.say(*[numbered(first + n) for n in range(10)]))

    threads = [threading.Thread(target=send, args=(100 * n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert said == ["AA"] * 40
    assert len(box.objects()) == 40


def test_the_end_answers_what_is_whole_and_cuts_the_rest(tmp_path: Path) -> None:
    with hl7_site(tmp_path) as box, box.peer() as peer:
        assert peer.said(ORDER)[0] == "AA"
        peer.socket.sendall(START + numbered(2)[:50])
        box.close()
        assert peer.is_ended()
        assert len(box.objects()) == 1


@pytest.fixture(scope="module")
def lasting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hl7Site]:
    """A box for many examples."""
    with hl7_site(tmp_path_factory.mktemp("lasting")) as made:
        yield made


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=2000).filter(lambda raw: b"\x1c" not in raw))
def test_any_message_gets_one_short_answer(lasting: Hl7Site, raw: bytes) -> None:
    """Whatever stands between the marks; and the next is heard."""
    with lasting.peer() as peer:
        peer.send(raw)
        code, _, text = msa(peer.answer())
        assert code in {"AA", "AE", "AR", "CA", "CE", "CR"}
        assert len(text) <= 80
    assert "fault: taking a message" not in lasting.side.status()["counts"]
