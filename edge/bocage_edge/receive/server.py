"""Listens for the site's AEs, and sees how many there are before anybody gets a thread."""

from __future__ import annotations

import socket
import threading
import time
from typing import Any

from pydicom.uid import UID
from pynetdicom import AE
from pynetdicom.association import Association
from pynetdicom.transport import RequestHandler, ThreadedAssociationServer

from bocage_edge.implementation import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION
from bocage_edge.receive.association import SiteAssociation
from bocage_edge.receive.doors import Reception
from bocage_edge.receive.upper_layer import Limits

# Ours.
BUSY_LOOK_S = 0.1
LAST_WORD_S = 1.0  # for an abort to be sent
LISTEN_LOOK_S = 0.2
# A modality that lost its power holds its association for two minutes, not for the idle timeout:
# tcp(7).
KEEPALIVE = {socket.TCP_KEEPIDLE: 60, socket.TCP_KEEPINTVL: 15, socket.TCP_KEEPCNT: 4}


class _Handler(RequestHandler):
    """Makes our association for a connection."""

    server: SiteServer

    def handle(self) -> None:
        """Start the association; it lives in threads of its own."""
        try:
            self._create_association().start()
        except Exception:
            self.server.reception.disconnected(_ip(self.client_address))
            raise

    def _create_association(self) -> Association:
        server = self.server
        assoc = SiteAssociation(self.ae, server.reception, server.limits, _ip(self.client_address))
        assoc._server = server
        assoc.name = f"AcceptorThread@{assoc.peer_address}"  # pynetdicom finds it by this
        assoc.carry(self.request)
        assoc.acceptor.maximum_length = server.limits.max_pdu_bytes
        assoc.acceptor.ae_title = server.ae_title
        assoc.acceptor.address_info = self.local
        assoc.acceptor.implementation_version_name = self.ae.implementation_version_name
        assoc.requestor.address_info = self.remote
        return assoc


class SiteServer(ThreadedAssociationServer):
    """Listens for the site's AEs."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(
        self, address: tuple[str, int], reception: Reception, limits: Limits | None = None
    ) -> None:
        """Bind and listen; `serve` runs it.

        Args:
            address: IP address and port; port 0 takes any.

        Raises:
            OSError: the address is not ours or taken.
        """
        self.reception = reception
        self.limits = limits or Limits()
        self.address = address
        ae = AE(ae_title="BOCAGE")
        ae.implementation_class_uid = UID(IMPLEMENTATION_CLASS_UID)
        ae.implementation_version_name = IMPLEMENTATION_VERSION
        super().__init__(ae, address, "BOCAGE", [], request_handler=_Handler)
        ae._servers.append(self)
        self._thread: threading.Thread | None = None

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self.server_address[1])

    def serve(self) -> None:
        """Take connections in a thread until `close`."""
        self._thread = threading.Thread(
            target=self.serve_forever,
            kwargs={"poll_interval": LISTEN_LOOK_S},
            name="acceptor",
            daemon=True,
        )
        self._thread.start()

    def close(self) -> None:
        """Take no more connections; associations that are open go on."""
        if self._thread is not None:
            self.shutdown()
            self._thread.join()
            self._thread = None
        else:
            self.server_close()

    def end_associations(self, within_s: float) -> None:
        """Let associations end by themselves for a while, as soon as none of them receives.

        Args:
            within_s: what is open after this is aborted in the middle.
        """
        deadline = time.monotonic() + within_s
        threads = self.active_associations
        associations = [each for each in threads if isinstance(each, SiteAssociation)]
        waiting = associations
        while waiting and time.monotonic() < deadline:
            for assoc in waiting:
                if not assoc.dimse.is_busy:
                    assoc.end()
            waiting = [each for each in waiting if each.dimse.is_busy and each.is_alive()]
            if waiting:
                waiting[0].join(BUSY_LOOK_S)
        for assoc in waiting:
            assoc.end()
        for assoc in associations:
            assoc.join(max(deadline - time.monotonic(), LAST_WORD_S))

    def get_request(self) -> tuple[socket.socket, Any]:
        """Take a connection and set it up: answers at once, no call that blocks for ever."""
        connection, address = super().get_request()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for option, value in KEEPALIVE.items():
            connection.setsockopt(socket.IPPROTO_TCP, option, value)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        connection.settimeout(self.limits.socket_timeout_s)
        return connection, address

    def verify_request(self, request: Any, client_address: Any) -> bool:
        """Whether a connection gets a thread; otherwise it is closed at once."""
        return self.reception.may_connect(_ip(client_address))

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Note an error; socketserver would print it with what the peer sent."""
        self.reception.fault("connection", ConnectionError("an association could not be started"))

    def _bind_defaults(self) -> None:
        """Bind none of pynetdicom's handlers: they write UIDs and titles into logs."""


def _ip(address: Any) -> str:
    """Take the IP address out of a socket address, without the zone of a link-local one."""
    return str(address[0]).split("%", 1)[0]
