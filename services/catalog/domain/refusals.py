"""Every business "no" of the catalog."""

from collections.abc import Mapping
from typing import ClassVar, Final

from shared.kernel.refusals import Refusal, RefusalKind

EDITION_ZH: Final[Mapping[str, str]] = {
    "draft": "草稿",
    "submitted": "待系统运营方审核",
    "reviewed": "待省大数据局审批",
    "sent_back": "已退回",
    "published": "已上架",
    "ended": "已结束",
}
DELISTING_ZH: Final[Mapping[str, str]] = {
    "proposed": "待审批",
    "approved": "已批准",
    "refused": "未获批准",
    "withdrawn": "已撤回",
    "lapsed": "因产品已下架而终止",
}
"""How the sentences name the states of editions and delistings; the facts keep the codes."""


class ClassUnknown(Refusal):
    """The class is not one of the listed eligible classes. Source: A17, R33."""

    code = "catalog.class_unknown"
    kind = RefusalKind.RULE
    article = "A17"
    zh = "所填云服务类别不在支持目录内，请从公布的类别中选择。"


class ComponentRepeated(Refusal):
    """Two price components have one code."""

    code = "catalog.component_repeated"
    kind = RefusalKind.RULE
    article = "A11(4)"
    zh = "计价项编码重复，同一产品内每个计价项的编码须唯一。"


class ProductNameMalformed(Refusal):
    """A name is written in letters that one can see. Source: A11(4)."""

    code = "catalog.product_name_malformed"
    kind = RefusalKind.RULE
    article = "A11(4)"
    zh = "产品名称应含有文字，且不得含有尖括号或不可见字符。"


class ProviderNotAuthenticated(Refusal):
    """Only an authenticated provider may offer products. Source: A11(4), R47."""

    code = "catalog.provider_not_authenticated"
    kind = RefusalKind.RULE
    momentary = True  # a copy may lag
    article = "A11(4)"
    zh = "贵单位尚未通过云服务商实名认证，不能发布云服务产品。"


class ProviderNotRecognised(Refusal):
    """A product that takes vouchers needs a recognised provider. Source: N三(二), Q9."""

    code = "catalog.provider_not_recognised"
    kind = RefusalKind.RULE
    momentary = True  # a copy may lag
    article = "N三(二)"
    zh = "该云服务商尚未经省大数据局择优认定，支持云使用券的产品不能上架。"


class ProviderSuspended(Refusal):
    """A suspended or closed provider may not act. Source: A12, Q18."""

    code = "catalog.provider_suspended"
    kind = RefusalKind.STATE
    momentary = True  # a copy may lag
    article = "A12"
    zh = "该云服务商已被暂停或已退出，不能办理此项业务。"


class DeclarationOutdated(Refusal):
    """Another version of the truth declaration was signed than the one in force. Source: R10."""

    code = "catalog.declaration_outdated"
    kind = RefusalKind.RULE
    article = "N五(四)"
    zh = "真实性承诺书的版本不符，现行版本为 {version}，请阅读并确认后重新提交。"


class ChecklistIncomplete(Refusal):
    """Not every item of the class's service rules is ticked, or an item is none of them. Source: A10(5), R41."""

    code = "catalog.checklist_incomplete"
    kind = RefusalKind.RULE
    article = "A10(5)"
    zh = "服务细则核对表与该类别要求不一致，请逐项确认后提交。"


class EditionUnderReview(Refusal):
    """The edition is with the reviewers and may not be changed now."""

    code = "catalog.edition_under_review"
    kind = RefusalKind.STATE
    article = "A11(5)"
    zh = "该产品正在审核中，审核结束前不能修改。"


class EditionNotDraft(Refusal):
    """There is no open draft to submit."""

    code = "catalog.edition_not_draft"
    kind = RefusalKind.STATE
    article = "A11(4)"
    zh = "该产品没有可提交的草稿，当前版次状态为“{state}”。"
    words: ClassVar = {"state": EDITION_ZH}


class EditionUnchanged(Refusal):
    """What was sent back is handed in again changed, or with a word on what was corrected. Source: A11(4)."""

    code = "catalog.edition_unchanged"
    kind = RefusalKind.RULE
    article = "A11(4)"
    zh = "该版次退回后内容未作修改，请修改后重新提交，或说明已补正的内容。"


class EditionNotSubmitted(Refusal):
    """There is no edition that waits for the operator."""

    code = "catalog.edition_not_submitted"
    kind = RefusalKind.STATE
    article = "A11(5)"
    zh = "该产品没有待系统运营方审核的版次，当前版次状态为“{state}”。"
    words: ClassVar = {"state": EDITION_ZH}


class OpinionMissing(Refusal):
    """The bureau decides only after the operator's opinion. Source: A11(5), R48."""

    code = "catalog.opinion_missing"
    kind = RefusalKind.STATE
    article = "A11(5)"
    zh = "系统运营方尚未出具审核意见，省大数据局暂不能审批，当前版次状态为“{state}”。"
    words: ClassVar = {"state": EDITION_ZH}


class SamePerson(Refusal):
    """No one person does both reviews, or reviews what they handed in. Source: A11(5), R48."""

    code = "catalog.same_person"
    kind = RefusalKind.RULE
    article = "A11(5)"
    zh = "同一人员不能既提交又审核，也不能既出具系统运营方意见又进行省大数据局审批。"


class ProductOffDirectory(Refusal):
    """The product was delisted, and nothing follows that."""

    code = "catalog.product_delisted"
    kind = RefusalKind.STATE
    article = "A12"
    zh = "该产品已下架，不能再办理此项业务。"


class ProductNotPublished(Refusal):
    """Only a published product can be delisted by force."""

    code = "catalog.product_not_published"
    kind = RefusalKind.STATE
    article = "A12"
    zh = "该产品未上架，无需提出下架。"


class GroundUnknown(Refusal):
    """The ground is none of those the rules list. Source: A12(2), R50."""

    code = "catalog.ground_unknown"
    kind = RefusalKind.RULE
    article = "A12(2)"
    zh = "所选下架情形不在实施细则规定的情形之内。"


class CorrectionFirst(Refusal):
    """This ground needs a correction order whose set time is over. Source: A12(2)5, R54."""

    code = "catalog.correction_first"
    kind = RefusalKind.RULE
    momentary = True  # the time set for the correction ends by itself
    article = "A12(2)5"
    zh = "以此情形下架前，须先发出限期整改通知，且整改期限已满。"


class CorrectionDueOutOfRange(Refusal):
    """A correction order leaves time to correct, and its time ends within a year."""

    code = "catalog.correction_due_out_of_range"
    kind = RefusalKind.RULE
    article = "A12(2)5"
    zh = "整改期限须晚于当前时间，且不超过一年。"


class DelistingOpen(Refusal):
    """A proposal for this product waits for its decision already."""

    code = "catalog.delisting_open"
    kind = RefusalKind.STATE
    article = "A12(2)"
    zh = "该产品已有待审批的下架提议，请先办理。"


class DelistingDecided(Refusal):
    """The proposal was decided, or lapsed, before."""

    code = "catalog.delisting_decided"
    kind = RefusalKind.STATE
    article = "A12(2)"
    zh = "该下架提议已办结，当前状态为“{state}”。"
    words: ClassVar = {"state": DELISTING_ZH}


class DelistingSamePerson(Refusal):
    """Whoever proposed a delisting does not approve it. Source: Q18."""

    code = "catalog.delisting_same_person"
    kind = RefusalKind.RULE
    article = "A12(2)"
    zh = "提出下架的人员不能审批同一提议，须由另一人员审批。"


class NotProposer(Refusal):
    """Whoever proposed a delisting may withdraw it; another person refuses it. Source: Q18."""

    code = "catalog.not_proposer"
    kind = RefusalKind.RULE
    article = "A12(2)"
    zh = "只有提出下架的人员本人可以撤回提议，其他人员可不予批准。"
