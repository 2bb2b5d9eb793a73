"""One function for each command and event of the catalog."""

from services.catalog.handlers.delistings import (
    AnswerDelisting,
    CorrectionState,
    DecideDelisting,
    DelistingResult,
    OrderCorrection,
    ProposeDelisting,
    WithdrawDelisting,
    WithdrawProduct,
    answer_delisting,
    decide_delisting,
    order_correction,
    propose_delisting,
    withdraw_delisting,
    withdraw_product,
)
from services.catalog.handlers.editions import (
    DraftProduct,
    ReviseProduct,
    SubmitProduct,
    draft_product,
    revise_product,
    submit_product,
)
from services.catalog.handlers.loading import ProductResult
from services.catalog.handlers.parties import copy_parties
from services.catalog.handlers.reviews import (
    DecideProduct,
    GiveOpinion,
    SendBack,
    decide_product,
    give_opinion,
    send_back,
)

__all__ = [
    "AnswerDelisting",
    "CorrectionState",
    "DecideDelisting",
    "DecideProduct",
    "DelistingResult",
    "DraftProduct",
    "GiveOpinion",
    "OrderCorrection",
    "ProductResult",
    "ProposeDelisting",
    "ReviseProduct",
    "SendBack",
    "SubmitProduct",
    "WithdrawDelisting",
    "WithdrawProduct",
    "answer_delisting",
    "copy_parties",
    "decide_delisting",
    "decide_product",
    "draft_product",
    "give_opinion",
    "order_correction",
    "propose_delisting",
    "revise_product",
    "send_back",
    "submit_product",
    "withdraw_delisting",
    "withdraw_product",
]
