"""The rules of organisations, reviews and accounts."""

from dataclasses import replace
from datetime import UTC, date, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.identity.domain import organisations as rules
from services.identity.domain.account_refusals import (
    RolesExclusive,
    SignInNameMalformed,
    StaffRegionInvalid,
    StaffRolesInvalid,
)
from services.identity.domain.accounts import (
    accept_sign_in_name,
    audiences_of,
    check_staff_roles,
    effective_roles,
    role_of_party,
)
from services.identity.domain.organisations import (
    AuthenticationState,
    Organisation,
    RecognitionState,
    SizeClass,
    registered_long_enough,
)
from services.identity.domain.refusals import (
    AuthenticationNotOpen,
    ChecklistIncomplete,
    ConditionUnknown,
    DocumentKindUnknown,
    DocumentsIllegible,
    DocumentsMissing,
    EstablishedInFuture,
    LegalPersonContradicted,
    LegalPersonRequired,
    NotEnterprise,
    NotProvider,
    OrganisationNameMalformed,
    RecognitionNeedsException,
    SuspensionNotOpen,
)
from services.identity.domain.reviewing import FiledDocument, Tick, check_checklist, check_documents
from shared.contracts.permissions import Role
from shared.contracts.policy import PartyKind, load_pack
from shared.kernel.credit_code import examine
from shared.kernel.refusals import Bug, Refusal
from tests.factories.harness import repository

NOW = datetime(2026, 3, 1, 2, 0, tzinfo=UTC)
ID = UUID(int=7)
_PACK_FILE = repository() / "policies" / "guizhou-2018.toml"
PACK = load_pack(_PACK_FILE.read_text(encoding="utf-8"), name="guizhou-2018.toml")


def an_organisation(kind: PartyKind = PartyKind.ENTERPRISE, code: str = "91520100MA6DK0X17T") -> Organisation:
    return rules.register(ID, kind=kind, name="某公司", check=examine(code), region="520100", evidence="依据", now=NOW)


def submitted(before: Organisation, *, legal_person: bool = True) -> Organisation:
    return rules.submit(
        before,
        legal_person=legal_person,
        established_on=date(2015, 3, 1),
        size_class=SizeClass.SMALL,
        now=NOW,
    )


def test_evidence_is_kept_only_for_a_code_whose_check_place_fails() -> None:
    assert (an_organisation().check_flagged, an_organisation().check_evidence) == (False, "")
    flagged = an_organisation(code="91350203M0001QKT19")
    assert (flagged.check_flagged, flagged.check_evidence) == (True, "依据")


def test_approval_settles_a_flagged_code() -> None:
    after = rules.authenticate(submitted(an_organisation(code="91350203M0001QKT19")), reviewer_id=ID, now=NOW)
    assert (after.check_flagged, after.state) == (False, AuthenticationState.AUTHENTICATED)


def test_an_authenticated_enterprise_asks_for_no_recognition_and_a_provider_does() -> None:
    enterprise = rules.authenticate(submitted(an_organisation()), reviewer_id=ID, now=NOW)
    provider = rules.authenticate(submitted(an_organisation(PartyKind.PROVIDER)), reviewer_id=ID, now=NOW)
    assert (enterprise.recognition, provider.recognition) == (RecognitionState.NONE, RecognitionState.REQUESTED)


@pytest.mark.requirement("R59")
@pytest.mark.parametrize("size_class", list(SizeClass))
def test_the_size_class_is_recorded_and_told_and_bars_nobody(size_class: SizeClass) -> None:
    filed = rules.submit(
        an_organisation(), legal_person=True, established_on=date(2015, 3, 1), size_class=size_class, now=NOW
    )
    party = rules.authenticate(filed, reviewer_id=ID, now=NOW).party()
    assert (party.authenticated, party.size_class) == (True, size_class.value)


@pytest.mark.requirement("R61")
def test_an_enterprise_is_a_legal_person_and_an_individual_business_is_none() -> None:
    with pytest.raises(LegalPersonRequired):
        submitted(an_organisation(), legal_person=False)
    with pytest.raises(LegalPersonContradicted):
        submitted(an_organisation(code="92520200MA6GKQ8380"))


def test_nobody_is_established_tomorrow_in_beijing() -> None:
    # 16:30 UTC on 28 February is already 1 March in Beijing.
    evening = datetime(2026, 2, 28, 16, 30, tzinfo=UTC)
    form = {"legal_person": True, "size_class": SizeClass.MICRO, "now": evening}
    rules.submit(an_organisation(), established_on=date(2026, 3, 1), **form)  # type: ignore[arg-type]
    with pytest.raises(EstablishedInFuture):
        rules.submit(an_organisation(), established_on=date(2026, 3, 2), **form)  # type: ignore[arg-type]


@pytest.mark.requirement("R37")
def test_a_provider_that_is_no_legal_person_needs_a_reason_to_be_recognised() -> None:
    provider = rules.authenticate(
        submitted(an_organisation(PartyKind.PROVIDER), legal_person=False), reviewer_id=ID, now=NOW
    )
    with pytest.raises(RecognitionNeedsException):
        rules.recognise(provider, exception_reason="", now=NOW)
    assert rules.recognise(provider, exception_reason="独有技术", now=NOW).party().recognised


def test_a_provider_is_not_listed_and_an_enterprise_not_recognised() -> None:
    with pytest.raises(NotEnterprise):
        rules.list_priority(an_organisation(PartyKind.PROVIDER), now=NOW)
    with pytest.raises(NotProvider):
        rules.refuse_recognition(an_organisation())


@given(
    acts=st.lists(
        st.sampled_from(
            [
                *("submit", "send_back", "refuse", "approve", "recognise", "unrecognise", "suspend", "reinstate"),
                *("list", "blacklist", "lift"),
            ]
        ),
        max_size=30,
    ),
    kind=st.sampled_from(PartyKind),
)
def test_whatever_is_tried_versions_are_gapless_and_recognition_follows_authentication(
    acts: list[str], kind: PartyKind
) -> None:
    moves = {
        "submit": submitted,
        "send_back": rules.send_back,
        "refuse": rules.refuse_authentication,
        "approve": lambda before: rules.authenticate(before, reviewer_id=ID, now=NOW),
        "recognise": lambda before: rules.recognise(before, exception_reason="", now=NOW),
        "unrecognise": rules.refuse_recognition,
        "suspend": lambda before: rules.suspend(before, effective_at=NOW, by_bureau=False, now=NOW),
        "reinstate": lambda before: rules.reinstate(before, by_bureau=False),
        "list": lambda before: rules.list_priority(before, now=NOW),
        "blacklist": lambda before: rules.blacklist(before, now=NOW),
        "lift": rules.lift_blacklisting,
    }
    organisation = an_organisation(kind)
    for act in acts:
        try:
            after = moves[act](organisation)
        except (Refusal, Bug):
            # The handlers list what is not listed and lift what is; the rules hold to that.
            continue
        assert after.version == organisation.version + 1
        organisation = after
        party = organisation.party()
        assert not party.recognised or (party.authenticated and party.kind == "provider")
        assert not party.priority_listed or party.kind == "enterprise"
        assert not party.blacklisted or (party.suspended_since is not None and party.suspended_since <= NOW)


def test_a_decided_authentication_stays_decided() -> None:
    after = rules.authenticate(submitted(an_organisation()), reviewer_id=ID, now=NOW)
    for act in (rules.send_back, rules.refuse_authentication, submitted):
        with pytest.raises(AuthenticationNotOpen):
            act(after)


def test_a_suspension_is_not_doubled_and_not_ended_twice() -> None:
    suspended = rules.suspend(an_organisation(), effective_at=NOW, by_bureau=False, now=NOW)
    with pytest.raises(SuspensionNotOpen):
        rules.suspend(suspended, effective_at=NOW, by_bureau=False, now=NOW)
    with pytest.raises(SuspensionNotOpen):
        rules.reinstate(rules.reinstate(suspended, by_bureau=False), by_bureau=False)


@pytest.mark.requirement("R60")
@pytest.mark.parametrize(
    ("established_on", "long_enough"),
    [(date(2025, 3, 1), True), (date(2025, 3, 2), False), (date(2024, 2, 29), True), (None, None)],
)
def test_the_hint_counts_a_calendar_year(established_on: date | None, long_enough: bool | None) -> None:  # noqa: FBT001
    assert registered_long_enough(established_on, years=1, now=NOW) is long_enough


def filed(*, illegible: str = "", missing: str = "") -> dict[str, FiledDocument]:
    kinds = [kind.code for kind in PACK.documents_of(PartyKind.ENTERPRISE)]
    return {code: FiledDocument(id=ID, kind=code, legible=code != illegible) for code in kinds if code != missing}


@pytest.mark.requirement("R65")
def test_every_document_is_there_and_legible_or_explained() -> None:
    wanted = PACK.documents_of(PartyKind.ENTERPRISE)
    check_documents(wanted, filed=filed(), illegible_reasons={})
    check_documents(wanted, filed=filed(illegible="id_back"), illegible_reasons={"id_back": "磨损"})
    with pytest.raises(DocumentsMissing) as missing:
        check_documents(wanted, filed=filed(missing="id_back"), illegible_reasons={})
    assert missing.value.detail == "实名认证材料不齐，还缺：联系人身份证反面。"
    with pytest.raises(DocumentsIllegible):
        check_documents(wanted, filed=filed(illegible="id_back"), illegible_reasons={"licence": "磨损"})
    with pytest.raises(DocumentKindUnknown):
        check_documents(wanted, filed=filed(), illegible_reasons={"tax_return": "磨损"})


def ticks(party: PartyKind, *, unmet: str = "") -> list[Tick]:
    codes = {
        PartyKind.ENTERPRISE: ["legal_person", "operating_normally", "no_illegal_record", "no_bad_credit"],
        PartyKind.PROVIDER: [
            "registered_in_province",
            "legal_person",
            "tax_record",
            "service_capability",
            "product_quality",
            "price_within_market",
            "lawful",
            "no_bad_credit",
            "service_rules",
        ],
    }[party]
    return [Tick(condition=code, met=code != unmet, evidence="已核对") for code in codes]


@pytest.mark.requirement("R40")
@pytest.mark.requirement("R62")
def test_a_checklist_is_full_met_and_evidenced() -> None:
    for party in PartyKind:
        check_checklist(PACK.conditions_of(party), ticks=ticks(party), legal_person=True)
        for tick in ticks(party):
            others = [other for other in ticks(party) if other != tick]
            with pytest.raises(ChecklistIncomplete):
                check_checklist(PACK.conditions_of(party), ticks=others, legal_person=True)
            without = [*others, replace(tick, evidence="")]
            with pytest.raises(ChecklistIncomplete):
                check_checklist(PACK.conditions_of(party), ticks=without, legal_person=True)


@pytest.mark.requirement("R37")
def test_only_the_condition_with_an_exception_may_stay_open_for_the_bureau() -> None:
    conditions = PACK.conditions_of(PartyKind.PROVIDER)
    open_ = ticks(PartyKind.PROVIDER, unmet="legal_person")
    check_checklist(conditions, ticks=open_, legal_person=False)
    with pytest.raises(ChecklistIncomplete):
        check_checklist(conditions, ticks=open_, legal_person=True)
    with pytest.raises(ChecklistIncomplete):
        check_checklist(conditions, ticks=ticks(PartyKind.PROVIDER, unmet="lawful"), legal_person=False)


@pytest.mark.requirement("R63")
def test_affiliation_is_not_ticked_because_it_is_a_test_for_each_pair() -> None:
    extra = [*ticks(PartyKind.ENTERPRISE), Tick(condition="no_affiliation", met=True, evidence="已核对")]
    with pytest.raises(ConditionUnknown):
        check_checklist(PACK.conditions_of(PartyKind.ENTERPRISE), ticks=extra, legal_person=True)


@pytest.mark.parametrize("name", ["abc", "1abcd", "13985123477", "a" * 33, "ab cd", "名字名字", "a@b.cn"])
def test_a_sign_in_name_is_never_a_number_or_an_address(name: str) -> None:
    with pytest.raises(SignInNameMalformed):
        accept_sign_in_name(name)


def test_a_sign_in_name_is_kept_in_lower_case() -> None:
    assert accept_sign_in_name(" Clerk.A-1 ") == "clerk.a-1"


@pytest.mark.requirement("R2")
def test_operator_rights_need_a_designation_and_other_rights_do_not() -> None:
    names = ["operator_lead", "finance"]
    assert effective_roles(names, operator_designated=True) == {Role.OPERATOR_LEAD, Role.FINANCE}
    assert effective_roles(names, operator_designated=False) == {Role.FINANCE}


def test_who_may_do_nothing_gets_a_token_for_the_own_account_only() -> None:
    assert audiences_of(frozenset()) == ("identity",)
    assert len(audiences_of(frozenset({Role.FINANCE}))) == 6


def test_staff_roles_keep_their_distance() -> None:
    check_staff_roles(frozenset({Role.OPERATOR_CLERK}), region=None)
    with pytest.raises(RolesExclusive):
        check_staff_roles(frozenset({Role.OPERATOR_CLERK, Role.FINANCE}), region=None)
    check_staff_roles(frozenset({Role.REGION}), region="520100")
    for roles in ({Role.SERVICE}, {Role.PROVIDER}, {Role.AUDITOR, Role.FINANCE}, set()):
        with pytest.raises(StaffRolesInvalid):
            check_staff_roles(frozenset(roles), region=None)
    with pytest.raises(StaffRegionInvalid):
        check_staff_roles(frozenset({Role.FINANCE}), region="520100")


def test_parties_get_the_role_of_their_kind() -> None:
    assert (role_of_party(PartyKind.ENTERPRISE), role_of_party(PartyKind.PROVIDER)) == (
        Role.ENTERPRISE,
        Role.PROVIDER,
    )


@pytest.mark.parametrize("name", ["\u200b", "（）", "123456", "贵", "贵阳\u202e云司", "贵阳\u200b云司", "😀😀"])
@pytest.mark.requirement("R64")
def test_a_name_without_letters_or_with_unseen_characters_is_refused(name: str) -> None:
    with pytest.raises(OrganisationNameMalformed):
        _registered(name)


@pytest.mark.parametrize("name", ["贵阳云司", "贵阳AI（集团）有限公司·一分店", "𠮷野家", "IBM"])
def test_a_name_as_a_licence_writes_it_is_accepted(name: str) -> None:
    assert _registered(name).name == name


def _registered(name: str) -> Organisation:
    return rules.register(
        UUID(int=1),
        kind=PartyKind.ENTERPRISE,
        name=name,
        check=examine("91520900YQ3503166M"),
        region="520100",
        evidence="",
        now=datetime(2018, 10, 8, tzinfo=UTC),
    )
