"""Codes that people carry to each other: a reset code, whole or in two parts, and recovery codes.

A reset code follows from the reset's id and the index key, so no row holds it and a repeated request shows the same
one again.
"""

import base64
import hmac
import secrets
from typing import Final
from uuid import UUID

from services.identity.sealing import Vault

_GROUP: Final = 4
_PART_LETTERS: Final = 16
"""Letters of one part: 80 bits."""
RECOVERY_CODES: Final = 10
_RECOVERY_BYTES: Final = 10


def code_part(vault: Vault, reset_id: UUID, *, part: int) -> str:
    """The text of a part, 1 or 2, in groups of four letters and digits."""
    digest = vault.index(reset_id.bytes + bytes([part]), purpose="reset_code")
    return _grouped(base64.b32encode(digest).decode()[:_PART_LETTERS])


def invitation_code(vault: Vault, invitation_id: UUID) -> str:
    """The text with which somebody accepts an invitation, in groups of four letters and digits."""
    digest = vault.index(invitation_id.bytes, purpose="invitation")
    return _grouped(base64.b32encode(digest).decode()[:_PART_LETTERS])


def fits_invitation(vault: Vault, typed: str, *, invitation_id: UUID) -> bool:
    """Whether somebody typed the code of an invitation, in any grouping and case."""
    whole = invitation_code(vault, invitation_id)
    return hmac.compare_digest(plain(typed).encode(), plain(whole).encode())


def fits(vault: Vault, typed: str, *, reset_id: UUID, parts: int) -> bool:
    """Whether somebody typed every part of a code, one after the other, in any grouping and case."""
    whole = "".join(code_part(vault, reset_id, part=part + 1) for part in range(parts))
    return hmac.compare_digest(plain(typed).encode(), plain(whole).encode())


def fresh_recovery_codes() -> list[str]:
    """Ten codes of 80 random bits, each good for one sign-in without the authenticator."""
    made = (base64.b32encode(secrets.token_bytes(_RECOVERY_BYTES)).decode() for _ in range(RECOVERY_CODES))
    return [_grouped(text) for text in made]


def recovery_index(vault: Vault, account_id: UUID, *, code: str) -> bytes:
    """The keyed hash a recovery code is kept under; the same for every way of typing it."""
    return vault.index(account_id.bytes + plain(code).encode(), purpose="recovery_code")


def plain(text: str) -> str:
    """A code as it is compared: without spaces and dashes, in capitals."""
    return "".join(text.split()).replace("-", "").upper()


def _grouped(letters: str) -> str:
    return "-".join(letters[start : start + _GROUP] for start in range(0, len(letters), _GROUP))
