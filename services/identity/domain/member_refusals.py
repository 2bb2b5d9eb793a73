"""The "no"s about the people of an organisation."""

from shared.kernel.refusals import Refusal, RefusalKind


class MembersTooMany(Refusal):
    """An organisation has so many people and open invitations at most."""

    code = "identity.members_too_many"
    kind = RefusalKind.RULE
    zh = "每个单位最多可有 {members_max} 名人员（含未接受的邀请）。"


class InvitationWrong(Refusal):
    """The code does not fit, or the invitation was used, withdrawn or is too old: the answer does not say."""

    code = "identity.invitation_wrong"
    kind = RefusalKind.UNAUTHENTICATED
    zh = "邀请码不正确，或邀请已失效。请向本单位管理员索取新的邀请。"


class InvitationNotOpen(Refusal):
    """Only an invitation that nobody has accepted is withdrawn."""

    code = "identity.invitation_not_open"
    kind = RefusalKind.STATE
    zh = "该邀请已被接受或已撤回。"


class LastPartyAdministrator(Refusal):
    """Without an administrator nobody could act for the organisation's people any more."""

    code = "identity.last_party_administrator"
    kind = RefusalKind.RULE
    zh = "该账号是本单位唯一的管理员，不能停用；请先办理变更管理员。"


class AdministratorFixed(Refusal):
    """Who administers an organisation changes with evidence, which the operator reviews."""

    code = "identity.administrator_fixed"
    kind = RefusalKind.RULE
    zh = "管理员的角色须凭证明材料办理变更，不能直接调整。"
