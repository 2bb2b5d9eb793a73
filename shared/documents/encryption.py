"""Sealed envelopes: AES-256-GCM, a data key for each value, wrapped by a key of a ring.

An envelope is magic, length of kid, kid, nonce, wrapped data key, nonce, ciphertext. What it is bound to is associated
data, so an envelope that is moved to another record does not open. Old kids on the ring go on opening old envelopes.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from shared.kernel.refusals import invariant

_NONCE_BYTES: Final = 12
_WRAPPED_BYTES: Final = 32 + 16


@dataclass(frozen=True, slots=True)
class KeyRing:
    """Key-encryption keys of 32 bytes by kid (1..255 ASCII characters); new envelopes use `current`.

    Raises: Bug.
    """

    current: str
    keys: Mapping[str, bytes] = field(repr=False)

    def __post_init__(self) -> None:
        invariant(self.current in self.keys, "the current key-encryption key is on the ring")
        invariant(all(len(key) == 32 for key in self.keys.values()), "key-encryption keys have 32 bytes")
        invariant(all(kid.isascii() and 0 < len(kid) < 256 for kid in self.keys), "a kid is short ASCII")


def seal(keys: KeyRing, value: bytes, *, magic: bytes, bound_to: bytes) -> bytes:
    """The envelope of a value; `magic` tells kinds of envelopes apart."""
    kid = keys.current.encode("ascii")
    head = magic + bytes([len(kid)]) + kid
    data_key = AESGCM.generate_key(256)
    wrap_nonce, nonce = os.urandom(_NONCE_BYTES), os.urandom(_NONCE_BYTES)
    wrapped = AESGCM(keys.keys[keys.current]).encrypt(wrap_nonce, data_key, head + bound_to)
    return head + wrap_nonce + wrapped + nonce + AESGCM(data_key).encrypt(nonce, value, head + bound_to)


def unseal(keys: KeyRing, envelope: bytes, *, magic: bytes, bound_to: bytes) -> bytes | None:
    """The value in an envelope, or None when it was altered, moved, or its key is not on the ring."""
    kid_at = len(magic) + 1
    head_end = kid_at + (envelope[len(magic)] if len(envelope) > len(magic) else 0)
    wrapped_at = head_end + _NONCE_BYTES
    nonce_at = wrapped_at + _WRAPPED_BYTES
    sealed_at = nonce_at + _NONCE_BYTES
    head = envelope[:head_end]
    wrapping_key = keys.keys.get(head[kid_at:].decode("ascii", "replace"))
    if not head.startswith(magic) or wrapping_key is None or len(envelope) < sealed_at:
        return None
    try:
        data_key = AESGCM(wrapping_key).decrypt(
            envelope[head_end:wrapped_at], envelope[wrapped_at:nonce_at], head + bound_to
        )
        return AESGCM(data_key).decrypt(envelope[nonce_at:sealed_at], envelope[sealed_at:], head + bound_to)
    except InvalidTag:
        return None
