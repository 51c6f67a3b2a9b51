"""What a station's log tells, with children that write into it at once."""

from __future__ import annotations

from pathlib import Path

from bocage_provisioning.lab.peers import Peer


def test_every_store_counts_however_the_childrens_words_are_mixed(tmp_path: Path) -> None:
    log = tmp_path / "station.log"
    peer = Peer("station", "STATION", 11112, "nowhere", tmp_path, log)
    assert peer.stores() == 0
    log.write_text(
        "I: Association Received\n"
        "I: Received Store Request (MsgID 1, CR)\n"
        "RECV: .I: Received Store Request (MsgID 1, CR)\n"
        "RECV: .RECV: I: Received Store Request (MsgID 2, CR)\n"
        "II: : Received Store Request (MsgID 9, CR)Received Store Request (MsgID 4, CR)\n"
        "I: Received Echo Request (MsgID 1)\n"
    )
    assert peer.stores() == 5
