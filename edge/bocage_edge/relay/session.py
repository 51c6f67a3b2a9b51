"""What both kinds of session share: the handshake over a connection, and duties side by side."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass

from bocage_edge.errors import EdgeError
from bocage_edge.relay.connection import Connection, ConnectionEndedError, Ending
from bocage_edge.relay.doors import Doors
from bocage_edge.relay.fault import Fault, RelayProtocolError
from bocage_edge.relay.hello import Handshake, Hello, Opened, SignThis
from bocage_edge.relay.proof import HELLO_TYPE, is_signed_hello
from bocage_edge.relay.schedule import HANDSHAKE_TIMEOUT_S
from bocage_edge.relay.terms import Terms
from bocage_system import logs

_log = logs.get("relay")


async def shake_hands(connection: Connection, terms: Terms, doors: Doors, own: Hello) -> Hello:
    """Prove who we are and have the partner prove who it is.

    Returns:
        The partner's HELLO, proved.

    Raises:
        ConnectionEndedError: the connection ended, by a fault of either side or by time.
    """
    handshake = Handshake(own, terms.expected, is_signed_hello)
    with cutting(connection):
        try:
            async with asyncio.timeout(HANDSHAKE_TIMEOUT_S):
                return await _shake_hands(connection, handshake, doors)
        except TimeoutError:
            raise RelayProtocolError(Fault.TIMED_OUT, "the handshake took too long") from None
    raise ConnectionEndedError(connection.ending or Ending(None, "closed", is_ours=True))


async def _shake_hands(connection: Connection, handshake: Handshake, doors: Doors) -> Hello:
    connection.send(handshake.greeted(await connection.greeted()))
    while True:
        answer, todo = handshake.on_frame(*await connection.next_frame())
        connection.send(answer)
        if isinstance(todo, SignThis):
            signature = await doors.work(doors.keeper.sign, HELLO_TYPE, todo.digest)
            connection.send(handshake.proof(signature))
            if handshake.is_open:
                return handshake.partner
        elif isinstance(todo, Opened):
            return todo.partner


@dataclass(frozen=True, slots=True)
class Duty:
    """Something a session does again and again.

    Args:
        step: one round of it; returns soon.
        event: when to do it; cleared before the step.
        at_least_every_s: also without an event.
    """

    step: Callable[[], Awaitable[None]]
    event: asyncio.Event
    at_least_every_s: float | None = None


async def serve(connection: Connection, duties: Iterable[Duty]) -> None:
    """Run the duties of a session side by side until its connection ends.

    A step is never broken off in the middle: what a worker has begun, its step sees through.

    Raises:
        Exception: a surprise in a duty; the connection has been cut.
    """
    duties = list(duties)
    tasks = [asyncio.create_task(_repeat(connection, duty)) for duty in duties]
    try:
        await connection.watch()
        await connection.ended.wait()
    finally:
        # Also where this very session is cancelled: nothing may outlive it.
        connection.give_up("the session ends")
        for duty in duties:
            duty.event.set()
        results = await asyncio.gather(*tasks, return_exceptions=True)
    for result in results:
        if isinstance(result, Exception):
            raise result


async def _repeat(connection: Connection, duty: Duty) -> None:
    while True:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(duty.event.wait(), duty.at_least_every_s)
        duty.event.clear()
        if connection.ending is not None:
            return
        with cutting(connection), contextlib.suppress(ConnectionEndedError):
            await duty.step()


@contextlib.contextmanager
def cutting(connection: Connection) -> Iterator[None]:
    """Cut the connection where the block fails: for the partner's fault, or for one of ours.

    Expected faults (protocol, spool, keeper, ledger) end the connection and no more: it is made
    anew. A surprise cuts it too, and goes on upwards.
    """
    try:
        yield
    except RelayProtocolError as error:
        connection.fail(error)
    except EdgeError as error:
        _log.error("connection cut by a fault of this box", error=str(error))
        connection.fail(RelayProtocolError(Fault.INTERNAL, "a fault of this box"), error.message)
    except ConnectionEndedError:
        raise
    except Exception:
        connection.fail(RelayProtocolError(Fault.INTERNAL, "a fault of this box"))
        raise
