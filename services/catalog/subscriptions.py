"""What catalog listens to: every fact of an organisation brings the party as it is after the fact."""

from services.catalog.handlers.parties import copy_parties
from shared.contracts.messages.identity import ORGANISATION_FACTS
from shared.runtime.service import Subscriptions

SUBSCRIPTIONS: Subscriptions = dict.fromkeys(ORGANISATION_FACTS, copy_parties)
