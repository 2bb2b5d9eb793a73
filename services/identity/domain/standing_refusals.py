"""The "no"s about standing: suspension, blacklist, one body registered twice, and the operator's people."""

from shared.kernel.refusals import Refusal, RefusalKind


class SuspensionMomentInvalid(Refusal):
    """A suspension is dated neither for the past nor for a time nobody can survey. Source: Q18, Q25."""

    code = "identity.suspension_moment_invalid"
    kind = RefusalKind.RULE
    article = "A9, A12"
    zh = "暂停生效时间不能早于现在，也不能晚于{days_max}天之后。"


class SuspendedByBureau(Refusal):
    """What the bureau decided is not undone by the operator, whom it supervises. Source: A7, A9, Q18, Q25, R8."""

    code = "identity.suspended_by_bureau"
    kind = RefusalKind.RULE
    article = "A7, A9"
    zh = "该暂停由省大数据局决定，只能由省大数据局解除；系统运营方可以向省大数据局提请解除。"


class ReinstatementNotAsked(Refusal):
    """The end of the suspension was not asked for, or the asking was answered. Source: A7, A9, Q18."""

    code = "identity.reinstatement_not_asked"
    kind = RefusalKind.STATE
    article = "A7, A9"
    zh = "目前没有待省大数据局决定的解除暂停提请。"


class ReinstatementNotForBureau(Refusal):
    """The bureau is asked once at a time, and only about what it decided itself. Source: A7, A9, Q18."""

    code = "identity.reinstatement_not_for_bureau"
    kind = RefusalKind.STATE
    article = "A7, A9"
    zh = "只有省大数据局决定的暂停须提请其解除，且同一暂停的提请尚待决定时不能再次提请。"


class OrganisationClosed(Refusal):
    """The organisation has left the scheme. Source: A9, Q25."""

    code = "identity.organisation_closed"
    kind = RefusalKind.STATE
    article = "A9"
    zh = "该单位已退出，不能进行此操作。"


class OrganisationBlacklisted(Refusal):
    """The organisation is blacklisted, which only another external decision and two persons end. Source: A12, R58."""

    code = "identity.organisation_blacklisted"
    kind = RefusalKind.STATE
    article = "A12"
    zh = "该单位已列入黑名单，不能进行此操作；移出黑名单须依据新的外部决定，由两人分别提请和批准。"


class OrganisationSuspendedNow(Refusal):
    """The organisation is suspended now. Source: Q18, Q25."""

    code = "identity.organisation_suspended"
    kind = RefusalKind.STATE
    article = "A9, A12"
    zh = "该单位已被暂停使用本系统，不能进行此操作。"


class AffiliationAutomatic(Refusal):
    """Parties of one credit code are one body; no record ends that. Source: A13(4), R63."""

    code = "identity.affiliation_automatic"
    kind = RefusalKind.RULE
    article = "A13(4)"
    zh = "双方统一社会信用代码相同，属同一单位，该关联关系不能解除。"


class AffiliationJudgedAlready(Refusal):
    """The tie was not declared by a party, or the operator has confirmed it before. Source: A13(4), R63."""

    code = "identity.affiliation_judged_already"
    kind = RefusalKind.STATE
    article = "A13(4)"
    zh = "该关联关系已经确认，无须再核实；不再存在的，请解除。"


class SubmissionUnchanged(Refusal):
    """What went back comes again as it was, and nothing is said about it. Source: R45."""

    code = "identity.submission_unchanged"
    kind = RefusalKind.RULE
    article = "A11(2), A14(2)"
    zh = "{names}与上次退回的内容相同。请按退回意见修改，或说明已作何补正后再提交。"


class ResemblanceDecidedAlready(Refusal):
    """The pair was decided before. Source: A11(1), A14(1)."""

    code = "identity.resemblance_decided_already"
    kind = RefusalKind.STATE
    article = "A11(1), A14(1)"
    zh = "该疑似重复单位已有核对结论。"


class NotProposer(Refusal):
    """A proposal is withdrawn by who made it; others refuse it. Source: A12, R58."""

    code = "identity.not_proposer"
    kind = RefusalKind.RULE
    article = "A12"
    zh = "只有提请人可以撤回；其他人员可以不予批准。"


class ExternalDecisionInvalid(Refusal):
    """The decision is dated ahead, or does not follow the one whose effect it ends. Source: A12, Q19."""

    code = "identity.external_decision_invalid"
    kind = RefusalKind.RULE
    article = "A12"
    zh = "外部决定的日期不能晚于今天；移出黑名单须依据列入之后另行作出的决定。"


class DesignationRequired(Refusal):
    """The operator's people work under a designation. Source: A4, A7, R2."""

    code = "identity.designation_required"
    kind = RefusalKind.RULE
    article = "A4, A7"
    zh = "系统运营方人员须属于一项有效的指定：请先由省大数据局指定系统运营方，或注明所属的指定。"


class DesignationEnded(Refusal):
    """Nobody is put under a designation that has ended. Source: A4, A7, R2."""

    code = "identity.designation_ended"
    kind = RefusalKind.STATE
    article = "A4, A7"
    zh = "该指定已结束，不能将人员归入其中。"


class DesignationMoves(Refusal):
    """Other roles put nobody under another designation: that is a move, proposed by the bureau. Source: A4, A7, R2."""

    code = "identity.designation_moves"
    kind = RefusalKind.RULE
    article = "A4, A7"
    zh = "该人员已属于另一项指定；更改角色不能调整所属指定，请由省大数据局另行提出“调整人员所属的指定”的申请。"


class NotOperatorStaff(Refusal):
    """Only the operator's people belong to a designation, and to another one than before. Source: A4, A7, R2."""

    code = "identity.not_operator_staff"
    kind = RefusalKind.RULE
    article = "A4, A7"
    zh = "只有系统运营方人员归属于指定，且须改为另一项指定。"
