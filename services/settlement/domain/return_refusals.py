"""Every business "no" to taking back what was approved, one class each."""

from typing import ClassVar

from services.settlement.domain.refusals import STATE_ZH
from shared.kernel.refusals import Refusal, RefusalKind


class NothingToReturn(Refusal):
    """What was approved is taken back only where something stands against paying it. Source: A24, R80."""

    code = "settlement.nothing_to_return"
    kind = RefusalKind.RULE
    article = "A24"
    zh = "所选订单目前没有不得拨付的情形，已核定的拨付不能退回。"


class AppropriationNotReturnable(Refusal):
    """An approval is taken back after it was given and before it is paid. Source: A24, R80."""

    code = "settlement.appropriation_not_returnable"
    kind = RefusalKind.STATE
    article = "A24"
    zh = "该拨付申请当前状态为“{state}”，已核定且尚未拨付的方可退回核定。"
    words: ClassVar = {"state": STATE_ZH}


class ItemReturnedAlready(Refusal):
    """The order's approval was taken back before. Source: A24, R80."""

    code = "settlement.item_returned_already"
    kind = RefusalKind.STATE
    article = "A24"
    zh = "所选订单的核定此前已退回，不能再次退回。"
