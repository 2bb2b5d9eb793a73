"""Which message goes to which handler."""

from services.order.handlers import claims, facts, parties, replies
from shared.contracts.messages.base import Refused, Reply
from shared.contracts.messages.catalog import ProductDelisted, ProductPublished
from shared.contracts.messages.identity import ORGANISATION_FACTS, AffiliationEnded, AffiliationRecorded
from shared.contracts.messages.settlement import (
    ClaimItemEnded,
    ClaimPaid,
    ClaimSubmitted,
    ItemOpened,
    ItemRefused,
)
from shared.contracts.messages.voucher import VOUCHER_REPLIES, QuotaMoved
from shared.runtime.service import Subscriptions

REPLIES: tuple[type[Reply], ...] = (*VOUCHER_REPLIES, ItemOpened, ItemRefused, Refused)

SUBSCRIPTIONS: Subscriptions = {
    **dict.fromkeys(ORGANISATION_FACTS, parties.copy_parties),
    AffiliationRecorded: facts.copy_ties,
    AffiliationEnded: facts.copy_ties,
    ProductPublished: facts.copy_offers,
    ProductDelisted: facts.copy_delistings,
    QuotaMoved: facts.copy_balances,
    ClaimSubmitted: claims.file_claims,
    ClaimItemEnded: claims.end_items,
    ClaimPaid: claims.pay_claims,
    **dict.fromkeys(REPLIES, replies.take_replies),
}
