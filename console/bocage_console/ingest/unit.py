"""The ingest process: one session with the broker, one writer of what boxes say.

Messages wait in a bounded queue, so that a slow database slows the broker and not our memory; a
batch is one transaction, and only after it are events acknowledged. Ended at any moment, nothing is
lost: boxes keep an event until its acknowledgement has come.
"""

from __future__ import annotations

import queue
import ssl
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from sqlalchemy import delete

from bocage_console.authority.files import SessionFiles
from bocage_console.broker.access import INGEST
from bocage_console.broker.session import BrokerAddress
from bocage_console.database.opening import Database
from bocage_console.database.tables import Outgoing
from bocage_console.ingest.outbound import Parcel, acknowledgements, put_out, what_holds
from bocage_console.ingest.writing import Message, Written, write
from bocage_contract.errors import MessageError
from bocage_contract.fleet.topics import Up, of_every_box, read_topic
from bocage_system import logs
from bocage_system.clock import Clock

BATCH = 500
QUEUE = 5000
WAIT_S = 0.2
_SESSION_S = 7 * 86_400
_TAKEN_WITHIN_S = 10.0
_log = logs.get("ingest")


class IngestUnit:
    """See the module. `step` and `close` belong to one thread."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        address: BrokerAddress,
        files: SessionFiles,
        keyset: Callable[[], bytes | None],
    ) -> None:
        """Hold the parts.

        Args:
            keyset: gives the keyset in force, exact bytes; None: there is none yet.
        """
        self._database = database
        self._clock = clock
        self._address = address
        self._keyset = keyset
        self._arrived: queue.Queue[Message] = queue.Queue(QUEUE)
        self._connected = threading.Event()
        self._refused: Counter[str] = Counter()
        self._client = self._make_client(files)

    @property
    def is_connected(self) -> bool:
        """Whether the session with the broker stands."""
        return self._connected.is_set()

    def start(self) -> None:
        """Begin the session; it comes back by itself as long as the unit lives."""
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.SessionExpiryInterval = _SESSION_S
        self._client.connect_async(
            self._address.host,
            self._address.port,
            keepalive=30,
            clean_start=False,
            properties=properties,
        )
        self._client.loop_start()

    def step(self) -> int:
        """Take what has come and give out what waits; gives how many messages were taken."""
        messages = self._drain()
        if messages:
            with self._database.writing() as session:
                written = write(session, messages)
            self._answer(written)
        if self.is_connected:
            self._deliver()
        return len(messages)

    def close(self) -> None:
        """End the session; what the broker has not given us yet it keeps."""
        self._client.disconnect()
        self._client.loop_stop()

    def _drain(self) -> list[Message]:
        found: list[Message] = []
        try:
            found.append(self._arrived.get(timeout=WAIT_S))
            while len(found) < BATCH:
                found.append(self._arrived.get_nowait())
        except queue.Empty:
            pass
        return found

    def _answer(self, written: Written) -> None:
        self._publish(acknowledgements(written.acks))
        if written.born:
            with self._database.reading() as session:
                self._publish(what_holds(session, written.born, self._keyset()))
        if written.refused:
            self._refused.update(written.refused)
            _log.warning("messages refused", **dict(self._refused))

    def _deliver(self) -> None:
        with self._database.reading() as session:
            waiting = put_out(session)
        taken = self._publish(waiting)
        rows = [each.row for each in taken if each.row is not None]
        if rows:
            with self._database.writing() as session:
                session.execute(delete(Outgoing).where(Outgoing.id.in_(rows)))

    def _publish(self, parcels: Sequence[Parcel]) -> list[Parcel]:
        """Publish; gives what the broker has taken."""
        sent = [
            (parcel, self._client.publish(parcel.topic, parcel.payload, qos=1))
            for parcel in parcels
        ]
        taken = []
        for parcel, info in sent:
            try:
                info.wait_for_publish(_TAKEN_WITHIN_S)
            except (RuntimeError, ValueError):
                continue  # no session: what was put out is tried again, the rest is asked for
            if info.is_published():
                taken.append(parcel)
        return taken

    def _make_client(self, files: SessionFiles) -> mqtt.Client:
        client = mqtt.Client(CallbackAPIVersion.VERSION2, INGEST, protocol=mqtt.MQTTv5)
        context = ssl.create_default_context(cafile=str(files.authority))
        context.load_cert_chain(files.certificate, files.key)
        client.tls_set_context(context)
        client.reconnect_delay_set(1, 30)
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message
        return client

    def _on_connect(self, client: mqtt.Client, _u: Any, _f: Any, code: ReasonCode, _p: Any) -> None:
        if code.is_failure:
            _log.warning("broker refused", reason=str(code))
            return
        client.subscribe([(of_every_box(leaf), 1) for leaf in Up])
        self._connected.set()
        _log.info("connected")

    def _on_disconnect(self, _c: Any, _u: Any, _f: Any, code: ReasonCode, _p: Any) -> None:
        self._connected.clear()
        _log.warning("disconnected", reason=str(code))

    def _on_message(self, _c: Any, _u: Any, message: mqtt.MQTTMessage) -> None:
        try:
            device, leaf = read_topic(message.topic)
        except MessageError:
            return
        self._arrived.put(Message(device, leaf, bytes(message.payload), self._clock.now()))
