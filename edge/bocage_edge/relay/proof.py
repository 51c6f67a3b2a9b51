"""What the identity key signs for the stream, and how the other side checks it. Pure.

Source: docs/relay-protocol.md, sections 4.2 and 4.7; contract/signing.py.
"""

from bocage_contract.canonical import canonical_json
from bocage_contract.signing import is_signed, to_be_signed
from bocage_edge.relay.frames import Commit

HELLO_TYPE = "bocage.relay-hello"
COMMIT_TYPE = "bocage.relay-commit"


def is_signed_hello(identity: bytes, signature: bytes, digest: bytes) -> bool:
    """Whether the box with this identity signed a handshake's transcript."""
    return is_signed(identity, signature, to_be_signed(HELLO_TYPE, digest))


def commit_payload(link: str, commit: Commit) -> bytes:
    """Give what a commit's signature covers."""
    return canonical_json(
        {
            "link": link,
            "epoch": commit.epoch,
            "number": commit.number,
            "verdicts": [list(verdict) for verdict in commit.verdicts],
        }
    )


def is_signed_commit(identity: bytes, link: str, commit: Commit) -> bool:
    """Whether the box with this identity signed a commit."""
    return is_signed(
        identity, commit.signature, to_be_signed(COMMIT_TYPE, commit_payload(link, commit))
    )
