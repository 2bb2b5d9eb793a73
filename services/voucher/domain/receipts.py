"""What a receipt says and the bytes that are signed. Anyone can recheck who came first. Source: Q2."""

import base64
import hashlib
from datetime import UTC, datetime
from functools import lru_cache
from uuid import UUID

import msgspec

_ENCODER = msgspec.json.Encoder()


class ApplicationRequest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What an enterprise asked for; its hash stands in the receipt and in the public queue.

    `correction` says what was corrected in an application that was sent back; empty, it is no part of the hash.
    """

    enterprise_id: UUID
    plan_id: UUID
    amount_fen: int
    truth_declaration_version: str
    correction: str = ""

    def digest(self) -> bytes:
        """SHA-256 of the request's canonical JSON."""
        return hashlib.sha256(b"yunquan/application/v1\n" + msgspec.json.encode(self, order="deterministic")).digest()


class _Signed(msgspec.Struct, frozen=True, gc=False):
    """What is signed, by name in alphabetical order: the canonical JSON has its keys sorted."""

    kid: str
    plan_id: UUID
    received_at: str
    request_sha256: str
    ticket_no: int


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """A place in the queue, signed by the service. `received_at` is RFC 3339 in UTC."""

    plan_id: UUID
    ticket_no: int
    request_sha256: str
    received_at: str
    kid: str
    signature: str = ""

    def signed_bytes(self) -> bytes:
        """The canonical bytes that the signature covers: everything but the signature.

        A moment is signed in one spelling, so `Z` and `+00:00` are the same receipt. Raises: ValueError.
        """
        return b"yunquan/receipt/v1\n" + _ENCODER.encode(
            _Signed(self.kid, self.plan_id, _one_spelling(self.received_at), self.request_sha256, self.ticket_no)
        )

    def signature_bytes(self) -> bytes:
        """The signature; empty when the text is no base64."""
        try:
            return base64.urlsafe_b64decode(self.signature + "=" * (-len(self.signature) % 4))
        except ValueError:
            return b""


def receipt_of(*, plan_id: UUID, ticket_no: int, digest: bytes, received_at: datetime, kid: str) -> Receipt:
    """The unsigned receipt of a ticket."""
    moment = canonical_moment(received_at)
    return Receipt(plan_id=plan_id, ticket_no=ticket_no, request_sha256=digest.hex(), received_at=moment, kid=kid)


def canonical_moment(moment: datetime) -> str:
    """RFC 3339 in UTC to the microsecond. Raises: ValueError for a moment that has no offset, or none in UTC."""
    if moment.tzinfo is None:
        raise ValueError("a receipt's moment has an offset")
    try:
        return moment.astimezone(UTC).isoformat(timespec="microseconds")
    except OverflowError as error:
        raise ValueError("the moment lies outside the calendar in UTC") from error


@lru_cache(maxsize=256)
def _one_spelling(received_at: str) -> str:
    # All receipts of a transaction share their moment.
    return canonical_moment(datetime.fromisoformat(received_at))


def with_signature(receipt: Receipt, signature: bytes) -> Receipt:
    """The receipt as the applicant gets it."""
    text = base64.urlsafe_b64encode(signature).rstrip(b"=").decode()
    signed: Receipt = msgspec.structs.replace(receipt, signature=text)
    return signed
