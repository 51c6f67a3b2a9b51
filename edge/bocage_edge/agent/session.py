"""The session with the broker: a narrow door over paho.

It comes back by itself, with a pause that grows and is drawn anew each time, so that five hundred
boxes do not knock together when a broker returns. Nothing is lost with it: events stay in the
outbox, and what holds is asked for at every start.

Source: MQTT 5.0; paho-mqtt 2 (callbacks of version 2).
"""

from __future__ import annotations

import queue
import random
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from bocage_contract.fleet.topics import Down, Up, topic
from bocage_contract.reach import host_and_port
from bocage_edge.errors import ConfigError
from bocage_edge.paths import Box
from bocage_system import logs

KEEPALIVE_S = 30
EXPIRY_S = 7 * 86_400
SHORTEST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 60.0
_QUEUE = 200
_log = logs.get("agent")


@dataclass(frozen=True, slots=True)
class Heard:
    """A message from the console."""

    leaf: Down
    payload: bytes


class Session:
    """See the module. Its methods belong to one thread; paho's own thread fills the queue."""

    def __init__(
        self, box: Box, device: str, broker: str, will: bytes, wake: Callable[[], None]
    ) -> None:
        """Begin to connect.

        Args:
            broker: HOST:PORT.
            will: what the broker says in our name when the session ends.
            wake: called from paho's thread when something has happened.

        Raises:
            ConfigError: the session's files cannot be used.
        """
        self._device = device
        self._wake = wake
        self._heard: queue.Queue[Heard] = queue.Queue(_QUEUE)
        self._connected = threading.Event()
        self._births = 0
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, device, protocol=mqtt.MQTTv5)
        try:
            context = ssl.create_default_context(cafile=str(box.authority))
            context.minimum_version = ssl.TLSVersion.TLSv1_3
            context.load_cert_chain(box.session_certificate, box.session_key)
        except (OSError, ValueError) as error:
            raise ConfigError(
                f"the session with the console cannot be made ({type(error).__name__})",
                "run: bocage-edge enrol",
            ) from error
        self._client.tls_set_context(context)
        self._client.will_set(topic(device, Up.STATUS), will, qos=1)
        # Spreads a fleet that comes back together; guards nothing.
        shortest = SHORTEST_PAUSE_S + random.random() * 4  # noqa: S311
        self._client.reconnect_delay_set(int(shortest), int(LONGEST_PAUSE_S))
        self._client.on_connect = self._on_connect
        self._client.on_disconnect = self._on_disconnect
        self._client.on_message = self._on_message
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.SessionExpiryInterval = EXPIRY_S
        host, port = host_and_port(broker)
        self._client.connect_async(
            host, port, keepalive=KEEPALIVE_S, clean_start=False, properties=properties
        )
        self._client.loop_start()

    @property
    def is_connected(self) -> bool:
        """Whether the session stands."""
        return self._connected.is_set()

    @property
    def births(self) -> int:
        """How often it has begun; another number than before: say everything anew."""
        return self._births

    def heard(self) -> list[Heard]:
        """Give what has come since."""
        found = []
        while not self._heard.empty():
            found.append(self._heard.get_nowait())
        return found

    def publish(self, leaf: Up, payload: bytes) -> None:
        """Say something, once the session stands; the broker's receipt proves nothing to us."""
        self._client.publish(topic(self._device, leaf), payload, qos=1)

    def close(self) -> None:
        """End the session."""
        self._client.disconnect()
        self._client.loop_stop()

    def _on_connect(self, client: mqtt.Client, _u: Any, _f: Any, code: ReasonCode, _p: Any) -> None:
        if code.is_failure:
            _log.warning("broker refused", reason=str(code))
            return
        client.subscribe([(topic(self._device, leaf), 1) for leaf in Down])
        self._births += 1
        self._connected.set()
        self._wake()

    def _on_disconnect(self, _c: Any, _u: Any, _f: Any, code: ReasonCode, _p: Any) -> None:
        self._connected.clear()
        _log.info("session ended", reason=str(code))
        self._wake()

    def _on_message(self, _c: Any, _u: Any, message: mqtt.MQTTMessage) -> None:
        leaf = message.topic.rpartition("/")[2]
        if leaf not in set(Down):
            return
        try:
            self._heard.put_nowait(Heard(Down(leaf), bytes(message.payload)))
        except queue.Full:
            _log.warning("the console says more than is taken", leaf=leaf)
        self._wake()
