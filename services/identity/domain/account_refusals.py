"""The "no"s about accounts: signing in, passwords and second factors, and who holds which role."""

from shared.kernel.refusals import Refusal, RefusalKind


class SignInNameMalformed(Refusal):
    """A sign-in name begins with a letter, so that it is never a telephone or ID number."""

    code = "identity.sign_in_name_malformed"
    kind = RefusalKind.RULE
    zh = "登录名应为4至32位，以小写字母开头，可含小写字母、数字、点、下划线和连字符。"


class SignInNameTaken(Refusal):
    """Another account has this sign-in name."""

    code = "identity.sign_in_name_taken"
    kind = RefusalKind.STATE
    zh = "该登录名已被使用，请更换。"


class SignInFailed(Refusal):
    """Name and password do not fit together, or the account is disabled: the answer does not say which."""

    code = "identity.sign_in_failed"
    kind = RefusalKind.UNAUTHENTICATED
    zh = "登录名或密码不正确。"


class SignInThrottled(Refusal):
    """Too many failed tries lately; waiting helps."""

    code = "identity.sign_in_throttled"
    kind = RefusalKind.RATE
    zh = "登录失败次数过多，请在 {retry_after_s} 秒后重试。"


class SessionOver(Refusal):
    """The refresh token is unknown, used up, expired or its account is disabled: sign in again."""

    code = "identity.session_ended"
    kind = RefusalKind.UNAUTHENTICATED
    zh = "登录会话已结束，请重新登录。"


class StaffRolesInvalid(Refusal):
    """The roles cannot be held together, or are not for staff. Source: R5, R9."""

    code = "identity.staff_roles_invalid"
    kind = RefusalKind.RULE
    article = "N五(四), A8"
    zh = "角色组合无效：平台管理员、审计人员和地区主管部门人员不能兼任其他角色，企业和云服务商角色不能授予工作人员。"


class RolesExclusive(Refusal):
    """Roles that control each other are never one person's. Source: ASVS 2.3.5."""

    code = "identity.roles_exclusive"
    kind = RefusalKind.RULE
    article = "N五(四), A8"
    zh = "以下角色相互监督，不能由同一账号兼任：{roles}。"


class StaffRegionInvalid(Refusal):
    """Exactly the regional role has a region. Source: A8, R5."""

    code = "identity.staff_region_invalid"
    kind = RefusalKind.RULE
    article = "A8"
    zh = "地区主管部门角色须指定有效地区，其他角色不能指定地区。"


class OwnAccount(Refusal):
    """Nobody changes the own rights."""

    code = "identity.own_account"
    kind = RefusalKind.RULE
    zh = "不能更改或停用自己的账号权限。"


class LastAdministrator(Refusal):
    """Without an active platform administrator nobody could propose anything about staff accounts any more."""

    code = "identity.last_administrator"
    kind = RefusalKind.RULE
    zh = "该账号是唯一在用的平台管理员账号，不能停用或取消其角色；请先开立或恢复另一名平台管理员。"


class AccountDisabled(Refusal):
    """The account was disabled before."""

    code = "identity.account_disabled"
    kind = RefusalKind.STATE
    zh = "该账号已停用。"


class PasswordWrong(Refusal):
    """The present password does not fit, so the new one is not taken."""

    code = "identity.password_wrong"
    kind = RefusalKind.RULE
    zh = "原密码不正确。"


class AccountActive(Refusal):
    """The account is not disabled."""

    code = "identity.account_active"
    kind = RefusalKind.STATE
    zh = "该账号未被停用。"


class ProposalNotOpen(Refusal):
    """Somebody decided on the proposal before, or its time is over."""

    code = "identity.proposal_not_open"
    kind = RefusalKind.STATE
    zh = "该申请已办结或已过期，不能再次办理。"


class ProposalOpenAlready(Refusal):
    """The same is proposed and waits for its second person. Source: ASVS 2.3.5."""

    code = "identity.proposal_open_already"
    kind = RefusalKind.STATE
    zh = "内容相同的申请正在等待办理，请勿重复提出；请由另一人办理原申请，或先撤回。"


class ProposalNeedsAdministrator(Refusal):
    """The bureau's lead is the second person for an administrator only where no other administrator could be."""

    code = "identity.proposal_needs_administrator"
    kind = RefusalKind.RULE
    zh = "该账号的申请须由另一名平台管理员批准。"


class ResetCodeWrong(Refusal):
    """The name and the reset code do not fit together, or the code was used or is too old: the answer does not say."""

    code = "identity.reset_code_wrong"
    kind = RefusalKind.UNAUTHENTICATED
    zh = "登录名或重置码不正确，或重置码已失效。"


class SecondFactorNeeded(Refusal):
    """The password fits; a code of the authenticator is asked for as well. Source: ASVS 6.3.3."""

    code = "identity.second_factor_needed"
    kind = RefusalKind.UNAUTHENTICATED
    zh = "请输入身份验证器上的动态验证码，或一个备用码。"


class SecondFactorWrong(Refusal):
    """The code is not the present one, was used before, or is no recovery code."""

    code = "identity.second_factor_wrong"
    kind = RefusalKind.UNAUTHENTICATED
    zh = "动态验证码或备用码不正确，或已使用过。"


class SecondFactorThrottled(Refusal):
    """Too many wrong codes for an account whose password somebody knows."""

    code = "identity.second_factor_throttled"
    kind = RefusalKind.RATE
    zh = "验证码错误次数过多，请在 {retry_after_s} 秒后重试；如非本人操作，请立即更换密码。"


class SecondFactorSet(Refusal):
    """The account has a second factor; only two other people take it away."""

    code = "identity.second_factor_set"
    kind = RefusalKind.STATE
    zh = "该账号已绑定身份验证器；如需更换，请由两名管理人员重置。"


class SecondFactorNotSet(Refusal):
    """There is no second factor to confirm or to take away."""

    code = "identity.second_factor_not_set"
    kind = RefusalKind.STATE
    zh = "该账号尚未绑定身份验证器。"


class SecondFactorForStaff(Refusal):
    """Second factors are for staff accounts."""

    code = "identity.second_factor_for_staff"
    kind = RefusalKind.RULE
    zh = "身份验证器只用于工作人员账号。"
