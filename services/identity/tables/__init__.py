"""The tables of identity. Personal values are sealed envelopes; the CHECKs repeat what the rules hold."""

from services.identity.tables.base import METADATA, RUNTIME
from services.identity.tables.clients import CLIENT, CLIENT_ASSERTION, CLIENT_KEY, INVITATION
from services.identity.tables.parties import (
    CONTACT,
    DOCUMENT,
    LOOSE_FILE,
    ORGANISATION,
    PRIORITY_ENTRY,
    RECOGNITION,
    SUBMISSION,
)
from services.identity.tables.people import (
    ACCOUNT,
    DESIGNATION,
    FAILED_SIGN_IN,
    ISSUING_KEY,
    PASSWORD_RESET,
    RECOVERY_CODE,
    REFRESH_TOKEN,
    SECOND_FACTOR,
    STAFF_PROPOSAL,
)
from services.identity.tables.standing import (
    AFFILIATION,
    BLACKLIST_ENTRY,
    BLACKLIST_LIFTING,
    RESEMBLANCE,
)

__all__ = [
    "ACCOUNT",
    "AFFILIATION",
    "BLACKLIST_ENTRY",
    "BLACKLIST_LIFTING",
    "CLIENT",
    "CLIENT_ASSERTION",
    "CLIENT_KEY",
    "CONTACT",
    "DESIGNATION",
    "DOCUMENT",
    "FAILED_SIGN_IN",
    "INVITATION",
    "ISSUING_KEY",
    "LOOSE_FILE",
    "METADATA",
    "ORGANISATION",
    "PASSWORD_RESET",
    "PRIORITY_ENTRY",
    "RECOGNITION",
    "RECOVERY_CODE",
    "REFRESH_TOKEN",
    "RESEMBLANCE",
    "RUNTIME",
    "SECOND_FACTOR",
    "STAFF_PROPOSAL",
    "SUBMISSION",
]
