"""Signs and checks receipts with an Ed25519 key of the service, kept sealed in its database."""

import base64
import hashlib
import secrets
from collections.abc import Mapping

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from nacl.exceptions import BadSignatureError
from nacl.signing import SigningKey, VerifyKey

from services.voucher.domain.receipts import Receipt, with_signature
from shared.runtime.sql import DriverConnection

_NONCE_BYTES = 12
# Any number serves that nothing else in this database locks; it keeps two first starts from making two keys.
_FIRST_KEY_LOCK = 7_263_001


class ReceiptSigner:
    """Signs with the newest key and checks with every known one."""

    def __init__(self, kid: str, private_key: SigningKey, known: Mapping[str, bytes]) -> None:
        self.kid = kid
        self._private_key = private_key
        self._known = {name: VerifyKey(key) for name, key in known.items()}

    def sign(self, receipt: Receipt) -> Receipt:
        """The receipt with its signature."""
        return with_signature(receipt, self._private_key.sign(receipt.signed_bytes()).signature)

    def valid(self, receipt: Receipt) -> bool:
        """Whether a key of this service signed exactly this receipt."""
        key = self._known.get(receipt.kid)
        if key is None:
            return False
        try:
            key.verify(receipt.signed_bytes(), receipt.signature_bytes())
        except (BadSignatureError, ValueError):
            return False
        return True


async def open_signer(connection: DriverConnection, *, secret: str) -> ReceiptSigner:
    """The signer with the newest key; the first start makes one. Raises: InvalidTag when the secret is wrong."""
    sealing = AESGCM(_sealing_key(secret))
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock($1)", _FIRST_KEY_LOCK)
        rows = await connection.fetch(
            "SELECT kid, public_key, sealed_private_key FROM receipt_key ORDER BY made_at DESC"
        )
        if not rows:
            rows = [await _make_key(connection, sealing)]
    newest = rows[0]
    raw = unseal(sealing, newest["sealed_private_key"], kid=newest["kid"])
    known = {row["kid"]: row["public_key"] for row in rows}
    return ReceiptSigner(newest["kid"], SigningKey(raw), known)


async def _make_key(connection: DriverConnection, sealing: AESGCM) -> Mapping[str, object]:
    private_key = SigningKey.generate()
    public = bytes(private_key.verify_key)
    kid = base64.urlsafe_b64encode(hashlib.sha256(public).digest()[:9]).decode()
    sealed = seal(sealing, bytes(private_key), kid=kid)
    await connection.execute(
        "INSERT INTO receipt_key (kid, public_key, sealed_private_key, made_at) VALUES ($1, $2, $3, now())",
        kid,
        public,
        sealed,
    )
    return {"kid": kid, "public_key": public, "sealed_private_key": sealed}


def seal(sealing: AESGCM, raw: bytes, *, kid: str) -> bytes:
    """A private key as it lies in the database; the kid is bound to it."""
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return nonce + sealing.encrypt(nonce, raw, kid.encode())


def unseal(sealing: AESGCM, sealed: bytes, *, kid: str) -> bytes:
    """The private key. Raises: InvalidTag."""
    return sealing.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], kid.encode())


def _sealing_key(secret: str) -> bytes:
    # The secret is high-entropy text from the deployment, so a plain hash is enough to get a key of the right size.
    return hashlib.sha256(b"yunquan/receipt-key/v1\n" + secret.encode()).digest()
