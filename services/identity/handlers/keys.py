"""The rotation of signing keys."""

from dataclasses import dataclass

from services.identity.signing import SigningKeys, publish_key
from shared.runtime.work import Actor, Decision, Work


@dataclass(frozen=True, slots=True, kw_only=True)
class RotateKey:
    """A wish for a new signing key, with the reason."""

    reason: str
    by: Actor


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKeyResult:
    """The new key; tokens are signed with it once its lead is over."""

    kid: str


async def rotate_key(work: Work, command: RotateKey) -> SigningKeyResult:
    """Publish a new signing key; the old one is retired when its last token has expired. Emits: KeyPublished."""
    kid = await publish_key(work, lead=work.ports.get(SigningKeys).lead)
    decision = Decision(
        subject_type="signing_key",
        subject_id=work.new_id(),
        act="key.rotate",
        by=command.by,
        rule="",
        ground=command.reason,
        after=kid,
    )
    work.decide(decision)
    return SigningKeyResult(kid=kid)
