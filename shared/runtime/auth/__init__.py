"""The door to access tokens: who is calling, and how that is signed and verified.

Behind it are the modules of this package.
"""

from shared.runtime.auth.tokens import CLOCK_SKEW_MAX_S, TTL_MAX_S, ClientGrant, Principal, TokenSigner, TokenVerifier

__all__ = ["CLOCK_SKEW_MAX_S", "TTL_MAX_S", "ClientGrant", "Principal", "TokenSigner", "TokenVerifier"]
