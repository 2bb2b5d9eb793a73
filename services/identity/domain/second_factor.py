"""Time-based one-time codes (TOTP): which step a code belongs to. Source: RFC 6238, ASVS 6.5."""

import hmac
from typing import Final
from urllib.parse import quote, urlencode

from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.hotp import HOTP

DIGITS: Final = 6
STEP_S: Final = 30
SECRET_BYTES: Final = 20
# A telephone's clock may be half a minute off, and typing takes time.
STEPS_ASIDE: Final = 1
ISSUER: Final = "云券"


def code_of(secret: bytes, *, step: int) -> str:
    """The six digits of one step of 30 s since 1970."""
    # Every authenticator knows SHA-1, and HMAC does not rest on its collisions.
    return HOTP(secret, DIGITS, SHA1()).generate(step).decode()  # noqa: S303


def step_of(secret: bytes, *, code: str, now_s: float, after_step: int) -> int | None:
    """The step that a code belongs to, later than `after_step`; None when it is wrong, too old or was taken before."""
    typed = "".join(code.split())
    present = int(now_s) // STEP_S
    found: int | None = None
    for step in range(present - STEPS_ASIDE, present + STEPS_ASIDE + 1):
        # Each is compared, so that the time does not tell which one it was.
        if hmac.compare_digest(code_of(secret, step=step).encode(), typed.encode()) and step > after_step:
            found = step
    return found


def otpauth_uri(secret_text: str, *, sign_in_name: str) -> str:
    """What an authenticator reads as a picture; `secret_text` is base32. Source: the Key URI format."""
    query = urlencode({"secret": secret_text, "issuer": ISSUER, "digits": DIGITS, "period": STEP_S}, quote_via=quote)
    return f"otpauth://totp/{quote(f'{ISSUER}:{sign_in_name}')}?{query}"
