"""One session with the broker, from the console's side: a narrow door over paho.

Source: MQTT 5.0; paho-mqtt 2 (callbacks of version 2).
"""

from __future__ import annotations

import ssl
import threading
from dataclasses import dataclass
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from bocage_console.authority.files import SessionFiles
from bocage_console.errors import BrokerError

ANSWER_S = 10.0
_REFUSED = 0x80  # MQTT 5.0, 2.4: reason codes from here on say no


@dataclass(frozen=True, slots=True)
class BrokerAddress:
    """Where the broker listens, and the name its certificate bears."""

    host: str
    port: int


class Probe:
    """A session that asks one thing at a time and waits for the answer. For one thread."""

    def __init__(
        self, address: BrokerAddress, files: SessionFiles | None, authority: str, client_id: str
    ) -> None:
        """Prepare a session; `files` None shows no certificate.

        Args:
            authority: path of the authority's certificate.
        """
        self._address = address
        self._answers: dict[str, ReasonCode | None] = {}
        self._changed = threading.Condition()
        self._is_down = False
        self.heard: list[bytes] = []
        self._client = mqtt.Client(
            CallbackAPIVersion.VERSION2, client_id, protocol=mqtt.MQTTv5, reconnect_on_failure=False
        )
        context = ssl.create_default_context(cafile=authority)
        if files is not None:
            context.load_cert_chain(files.certificate, files.key)
        self._client.tls_set_context(context)
        self._client.on_connect = self._on_connect
        self._client.on_disconnect = self._on_disconnect
        self._client.on_publish = self._on_publish
        self._client.on_subscribe = self._on_subscribe
        self._client.on_message = self._on_message

    def connect(self, *, clean: bool = True, expires_after_s: int = 0) -> bool:
        """Connect; False where the broker, or TLS, says no.

        Raises:
            BrokerError: nobody answers there.
        """
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.SessionExpiryInterval = expires_after_s
        try:
            self._client.connect(
                self._address.host,
                self._address.port,
                keepalive=30,
                clean_start=clean,
                properties=properties,
            )
        except ssl.SSLError:
            return False
        except OSError as error:
            raise BrokerError(f"the broker cannot be reached: {error}") from error
        self._client.loop_start()
        return self._answer("connect") is not None

    def may_publish(self, topic: str, payload: bytes = b"") -> bool:
        """Publish and say whether the broker took it."""
        self._forget("publish")
        self._client.publish(topic, payload, qos=1)
        return self._is_yes("publish")

    def may_subscribe(self, topic: str) -> bool:
        """Subscribe and say whether the broker agreed."""
        self._forget("subscribe")
        self._client.subscribe(topic, qos=1)
        return self._is_yes("subscribe")

    def is_answered(self, topic: str) -> bool:
        """Say whether the session still stands: the broker answers, be it yes or no."""
        self._forget("subscribe")
        self._client.subscribe(topic, qos=0)
        return self._answer("subscribe") is not None

    def close(self) -> None:
        """End the session."""
        self._client.disconnect()
        self._client.loop_stop()

    def _is_yes(self, what: str) -> bool:
        code = self._answer(what)
        return code is not None and code.value < _REFUSED

    def _answer(self, what: str) -> ReasonCode | None:
        """Wait for an answer; None: the session ended, or none came."""
        with self._changed:
            self._changed.wait_for(lambda: what in self._answers or self._is_down, ANSWER_S)
            code = self._answers.get(what)
        return None if code is None or (what == "connect" and code.value >= _REFUSED) else code

    def _forget(self, what: str) -> None:
        with self._changed:
            self._answers.pop(what, None)

    def _tell(self, what: str, code: ReasonCode | None) -> None:
        with self._changed:
            self._answers[what] = code
            self._changed.notify_all()

    def _on_connect(self, _c: Any, _u: Any, _f: Any, code: ReasonCode, _p: Any) -> None:
        self._tell("connect", code)

    def _on_disconnect(self, _c: Any, _u: Any, _f: Any, _code: ReasonCode, _p: Any) -> None:
        with self._changed:
            self._is_down = True
            self._changed.notify_all()

    def _on_publish(self, _c: Any, _u: Any, _mid: int, code: ReasonCode, _p: Any) -> None:
        self._tell("publish", code)

    def _on_message(self, _c: Any, _u: Any, message: mqtt.MQTTMessage) -> None:
        self.heard.append(bytes(message.payload))

    def _on_subscribe(self, _c: Any, _u: Any, _mid: int, codes: list[ReasonCode], _p: Any) -> None:
        self._tell("subscribe", codes[0] if codes else None)
