"""Which presentation contexts to propose, and which of the accepted ones to use. Pure.

One context for each (SOP class, transfer syntax), so that the station's answer says of each syntax
by itself whether it takes it. Own syntax first; the others are what we can transcode to.

Source: PS3.8 9.3.2.2 (context ids are odd, 1 to 255: at most 128 contexts).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from bocage_edge.deliver.scu import VERIFICATION, Context
from bocage_edge.seal import syntax
from bocage_edge.seal.syntax import IMPLICIT_LITTLE

MAX_CONTEXTS = 128

DEFLATED = "1.2.840.10008.1.2.1.99"

# In the order we choose among them: what costs least, and what every station reads, first.
FALLBACKS = (
    syntax.EXPLICIT_LITTLE,
    syntax.IMPLICIT_LITTLE,
    syntax.JPEG_LS_LOSSLESS,
    syntax.JPEG_2000_LOSSLESS,
    syntax.RLE_LOSSLESS,
    syntax.JPEG_LOSSLESS_SV1,
)


def propose(needed: Context, remembered: Iterable[Context] = ()) -> list[Context]:
    """List the contexts to propose to a station, at most 128.

    Args:
        needed: of the instance at hand; it and its fallbacks always have room.
        remembered: of instances sent there before, latest first: what comes next is often like
            them, and an association that has their contexts already need not be made anew.
    """
    contexts = {Context(VERIFICATION, IMPLICIT_LITTLE): None}
    for wanted in (needed, *remembered):
        group = [it for it in _with_fallbacks(wanted) if it not in contexts]
        if len(contexts) + len(group) <= MAX_CONTEXTS:
            contexts.update(dict.fromkeys(group))
    return list(contexts)


def choose(wanted: Context, accepts: Callable[[Context], bool]) -> Context | None:
    """Choose the context to send an instance in: its own, else the first fallback; None: none."""
    return next((it for it in _with_fallbacks(wanted) if accepts(it)), None)


def _with_fallbacks(wanted: Context) -> Iterator[Context]:
    yield wanted
    for fallback in FALLBACKS:
        if fallback != wanted.transfer_syntax:
            yield Context(wanted.sop_class, fallback)
