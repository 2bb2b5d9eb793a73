"""The "no"s about parties: registering, authentication, recognition, ties and lists."""

from shared.kernel.refusals import Refusal, RefusalKind


class CreditCodeRegistered(Refusal):
    """A code belongs to one party of each kind: to the one whose evidence was approved. Source: A11(1), A14(1)."""

    code = "identity.credit_code_registered"
    kind = RefusalKind.STATE
    article = "A11(1), A14(1)"
    zh = "该统一社会信用代码已通过实名认证，请使用原账号登录或联系系统运营方。"


class CreditCodeBlacklisted(Refusal):
    """A blacklisted code never registers again. Source: A12, R58."""

    code = "identity.credit_code_blacklisted"
    kind = RefusalKind.RULE
    article = "A12"
    zh = "该统一社会信用代码已列入黑名单，不能注册。"


class RegionUnknown(Refusal):
    """The region is none of the scheme's. Source: A8, R5."""

    code = "identity.region_unknown"
    kind = RefusalKind.RULE
    article = "A8"
    zh = "所填所属地区不在本办法适用的地区范围内。"


class OrganisationNameMalformed(Refusal):
    """A name is written in letters that one can see and compare with the licence. Source: A11(1), A14(1)."""

    code = "identity.organisation_name_malformed"
    kind = RefusalKind.RULE
    article = "A11(1), A14(1)"
    zh = "单位名称应与营业执照一致：至少含两个文字，且不得含有尖括号或不可见字符。"


class PersonNameMalformed(Refusal):
    """A person's name is written in letters that one can see. Source: A14(2)."""

    code = "identity.person_name_malformed"
    kind = RefusalKind.RULE
    article = "A14(2)"
    zh = "姓名应含有文字，且不得含有尖括号或不可见字符。"


class AuthenticationNotOpen(Refusal):
    """The authentication is not in a state that allows this. Source: A11(2), A11(3), A14(2), A14(3)."""

    code = "identity.authentication_not_open"
    kind = RefusalKind.STATE
    article = "A11, A14"
    zh = "当前实名认证状态为“{state}”，不能进行此操作。"


class DocumentKindUnknown(Refusal):
    """The scheme asks no such document of this kind of party. Source: A11(2), A14(2)."""

    code = "identity.document_kind_unknown"
    kind = RefusalKind.RULE
    article = "A11(2), A14(2)"
    zh = "实名认证不需要此类材料。"


class DocumentsMissing(Refusal):
    """Not every document is there. Source: A11(2), A14(2)."""

    code = "identity.documents_missing"
    kind = RefusalKind.RULE
    article = "A11(2), A14(2)"
    zh = "实名认证材料不齐，还缺：{names}。"


class DocumentsIllegible(Refusal):
    """A document seems hard to read and no reason was given for handing it in all the same. Source: R45, R65."""

    code = "identity.documents_illegible"
    kind = RefusalKind.RULE
    article = "A11(2), A14(2)"
    zh = "以下材料可能不清晰：{names}。请重新上传，或说明理由后提交人工审核。"


class DocumentSideTooLong(Refusal):
    """One side of the image has more pixels than a scan of this document can need. Source: R45, R65."""

    code = "identity.document_side_too_long"
    kind = RefusalKind.TOO_LARGE
    article = "A11(2), A14(2)"
    zh = "图片边长过大：最多允许 {side_max_px} 像素。"


class DocumentUploadsExhausted(Refusal):
    """The organisation has uploaded this document as often as allowed."""

    code = "identity.document_uploads_exhausted"
    kind = RefusalKind.RULE
    zh = "该材料的上传次数已达上限 {uploads_max} 次，请联系系统运营方。"


class DeclarationOutdated(Refusal):
    """The truth declaration that was signed is not the one in force. Source: N五(四), R10."""

    code = "identity.declaration_outdated"
    kind = RefusalKind.RULE
    article = "N五(四)"
    zh = "所确认的真实性承诺版本不是现行版本（{version}），请重新阅读并确认。"


class LegalPersonRequired(Refusal):
    """An enterprise must be an independent legal person. Source: A13(2), R61."""

    code = "identity.legal_person_required"
    kind = RefusalKind.RULE
    article = "A13(2)"
    zh = "上云企业须具有独立法人资格。"


class LegalPersonContradicted(Refusal):
    """The credit code says that its holder is an individual business. Source: A13(2), R61."""

    code = "identity.legal_person_contradicted"
    kind = RefusalKind.RULE
    article = "A10(1), A13(2)"
    zh = "统一社会信用代码显示为个体工商户，不具有独立法人资格，请核对。"


class EstablishedInFuture(Refusal):
    """Nothing is established after today. Source: A13(1)."""

    code = "identity.established_in_future"
    kind = RefusalKind.RULE
    article = "A13(1)"
    zh = "成立日期不能晚于今天。"


class IdNumberRequired(Refusal):
    """An enterprise's contact is authenticated with the ID card. Source: A14(2), R65."""

    code = "identity.id_number_required"
    kind = RefusalKind.RULE
    article = "A14(2)"
    zh = "请填写联系人身份证号码。"


class ChecklistIncomplete(Refusal):
    """Approval needs every condition met, with evidence. Source: A10, A13, R37-R42, R60-R62."""

    code = "identity.checklist_incomplete"
    kind = RefusalKind.RULE
    article = "A10, A13"
    zh = "以下条件未勾选为符合或缺少依据：{names}。"


class ConditionUnknown(Refusal):
    """The pack has no such condition for this party."""

    code = "identity.condition_unknown"
    kind = RefusalKind.RULE
    article = "A10, A13"
    zh = "审核清单中没有所填的条件。"


class NotProvider(Refusal):
    """Only providers are recognised. Source: N三(二), Q9."""

    code = "identity.not_provider"
    kind = RefusalKind.RULE
    article = "N三(二)"
    zh = "只有云服务商需要认定。"


class NotEnterprise(Refusal):
    """Only enterprises are put on the priority list. Source: A18, R31."""

    code = "identity.not_enterprise"
    kind = RefusalKind.RULE
    article = "A18"
    zh = "只有上云企业可以列入“万企融合”优先名单。"


class RecognitionNotOpen(Refusal):
    """The recognition is not in a state that allows this. Source: N三(二), Q9."""

    code = "identity.recognition_not_open"
    kind = RefusalKind.STATE
    article = "N三(二)"
    zh = "当前认定状态为“{recognition}”，不能进行此操作；云服务商须先通过实名认证。"


class RecognitionNeedsException(Refusal):
    """A provider that is no legal person is recognised by exception, with a reason. Source: A10(1), Q8."""

    code = "identity.recognition_needs_exception"
    kind = RefusalKind.RULE
    article = "A10(1)"
    zh = "该云服务商不具有法人资格，须由省大数据局负责人说明例外理由后认定。"


class SamePerson(Refusal):
    """Two acts that watch each other need two persons. Source: N三(二), A12, Q9, Q19."""

    code = "identity.same_person"
    kind = RefusalKind.RULE
    article = "N三(二), A12"
    zh = "前后两道手续不能由同一人办理。"


class SuspensionNotOpen(Refusal):
    """It is suspended already, or is not suspended. Source: Q18, Q25."""

    code = "identity.suspension_not_open"
    kind = RefusalKind.STATE
    article = "A9, A12"
    zh = "当前暂停状态不允许此操作。"


class PriorityUnchanged(Refusal):
    """The priority list says so already. Source: A18, R31."""

    code = "identity.priority_unchanged"
    kind = RefusalKind.STATE
    article = "A18"
    zh = "优先名单状态没有变化。"


class AffiliationRecordedAlready(Refusal):
    """The same tie of the same pair is on record. Source: A13(4), R63."""

    code = "identity.affiliation_recorded_already"
    kind = RefusalKind.STATE
    article = "A13(4)"
    zh = "该关联关系已登记。"


class AffiliationEndedAlready(Refusal):
    """The tie was ended before. Source: A13(4), R63."""

    code = "identity.affiliation_ended_already"
    kind = RefusalKind.STATE
    article = "A13(4)"
    zh = "该关联关系已解除。"


class CounterpartUnknown(Refusal):
    """No party of the other kind is registered with this code. Source: A13(4), R63."""

    code = "identity.counterpart_unknown"
    kind = RefusalKind.RULE
    article = "A13(4)"
    zh = "没有以该统一社会信用代码注册的对方单位。"


class BlacklistEntryNotOpen(Refusal):
    """The code is proposed or listed already. Source: A12, R58."""

    code = "identity.blacklist_entry_not_open"
    kind = RefusalKind.STATE
    article = "A12"
    zh = "该黑名单记录的状态不允许此操作。"


class DesignationNotOpen(Refusal):
    """Designations follow one another; this one overlaps, or has ended. Source: N三(三), A4, R2."""

    code = "identity.designation_not_open"
    kind = RefusalKind.STATE
    article = "A4, A7"
    zh = "系统运营方的指定期间不能重叠，已结束的指定不能再次结束。"


class DesignationOutOfOrder(Refusal):
    """A designation ends after it begins. Source: A4, R2."""

    code = "identity.designation_out_of_order"
    kind = RefusalKind.RULE
    article = "A4"
    zh = "指定的结束时间不能早于开始时间，也不能早于现在。"


class RegistrationThrottled(Refusal):
    """One network has sent many registrations lately; waiting helps. Source: ASVS 2.4.1."""

    code = "identity.registration_throttled"
    kind = RefusalKind.RATE
    zh = "您所在网络提交的注册过多，请在 {retry_after_s} 秒后重试。"


class RegistrationsBusy(Refusal):
    """More registrations wait than the bound allows; sign-in is not touched by it."""

    code = "identity.registrations_busy"
    kind = RefusalKind.UNAVAILABLE
    zh = "当前注册人数较多，请稍后重试。"
