"""What `wg show dump` prints, and that its keys go nowhere."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bocage_edge.link.keys import make_tunnel_key, read_public_key
from bocage_edge.link.wg import WgDumpError, WgPeer, WgPeerState, WgState, parse_dump
from tests.fakes.host import FakeHost

DATA = Path(__file__).with_name("data")
DUMP = (DATA / "wg-show-dump.txt").read_text()
SECRETS = ("cHJpdmF0ZSBrZXkg", "cHJlc2hhcmVkIGtleSB")


def test_a_recorded_dump_is_read() -> None:
    assert parse_dump(DUMP) == WgState(
        public_key="Y2be8ssIxcvt52PkACcxvm+hg81kubJQLUKuJj2ZXRE=",
        listen_port=51820,
        wg_peers=(
            WgPeerState(
                WgPeer(
                    "RahIFAb/zoQO4XLd97u9CwUl8+LsGxBIcKNQx8vr6hs=", frozenset({"fd00::2/128"}), 25
                ),
                endpoint="192.0.2.1:51820",
                handshake_at=1_800_000_000,
                rx_bytes=4312,
                tx_bytes=5120,
            ),
            WgPeerState(
                WgPeer("sOqcmCDhnIbr+z1lVoaN+NIoxG5zVBAtFNbY2zPcGW4=", frozenset(), 0),
                endpoint=None,
                handshake_at=None,
                rx_bytes=0,
                tx_bytes=0,
            ),
        ),
    )


def test_an_interface_without_a_key_is_read() -> None:
    assert parse_dump("(none)\t(none)\t38175\toff\n") == WgState(None, 38175, ())


def test_no_secret_of_the_dump_is_kept() -> None:
    kept = repr(parse_dump(DUMP))
    assert all(secret in DUMP and secret not in kept for secret in SECRETS)


@pytest.mark.parametrize(
    "text",
    ["", "one\ttwo\n", DUMP.replace("\t25\n", "\n"), DUMP.replace("4312", "many"), "\n" + DUMP],
)
def test_another_shape_is_an_error_without_the_line(text: str) -> None:
    with pytest.raises(WgDumpError) as caught:
        parse_dump(text)
    assert not any(secret in str(caught.value) for secret in SECRETS)


@given(st.text(max_size=300))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        parse_dump(text)
    except WgDumpError as error:
        assert "fields" in str(error) or "empty" in str(error)


def test_a_tunnel_key_is_made_once_and_closed(tmp_path: Path) -> None:
    host, path = FakeHost(), tmp_path / "tunnel.g1.key"
    public = make_tunnel_key(host, path)
    private = path.read_text().strip()
    assert path.stat().st_mode & 0o777 == 0o600
    assert make_tunnel_key(host, path) == public == read_public_key(host, path)
    assert path.read_text().strip() == private
    assert host.keys_made == 1
    assert not any(private in word for argv in host.ran for word in argv)
