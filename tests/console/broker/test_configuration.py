from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bocage_console.broker.configuration import BrokerSettings, configuration

FOLDER = Path("/var/lib/bocage-console/broker")
SETTINGS = BrokerSettings("::", 8883, FOLDER, FOLDER / "ca", FOLDER / "crt", FOLDER / "key")


def test_nobody_comes_in_without_a_certificate() -> None:
    lines = configuration(SETTINGS).splitlines()
    for line in (
        "require_certificate true",
        "use_identity_as_username true",
        "use_username_as_clientid true",
        "allow_anonymous false",
        f"acl_file {FOLDER}/access",
    ):
        assert line in lines


def test_nothing_is_without_a_limit() -> None:
    keys = {line.split()[0] for line in configuration(SETTINGS).splitlines()}
    assert keys >= {
        "max_connections",
        "max_packet_size",
        "max_keepalive",
        "max_inflight_messages",
        "max_queued_messages",
        "max_queued_bytes",
        "persistent_client_expiration",
    }


def test_a_path_with_white_space_is_refused() -> None:
    with pytest.raises(ValueError, match="white space"):
        configuration(replace(SETTINGS, key=Path("/a b/key\nallow_anonymous true")))
