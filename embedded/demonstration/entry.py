"""The chapters of entry: staff, the operator's designation, registration, authentication, recognition."""

from io import BytesIO

from PIL import Image

from embedded.demonstration.client import Answer, File, together
from embedded.demonstration.context import DemoContext, moment
from embedded.demonstration.world import AFFILIATED, PRIORITY_LISTED, Organisation, Staff
from embedded.sample_documents import paper_jpeg, paper_pdf
from shared.contracts.permissions import Role

ORGANISATIONS = "identity/v1/organisations"
ILLEGIBLE = 4
"""Place of the enterprise whose first licence nobody can read."""
SIZE_PX = (800, 600)
CODE_USED = frozenset({"identity.reset_code_wrong"})
"""What a code says that was used before the story was interrupted."""


async def appoint(context: DemoContext) -> None:
    """The two administrators open the staff accounts: those of the operator's people once it is designated."""
    operators = [person for person in context.world.staff if person.role in {Role.OPERATOR_CLERK, Role.OPERATOR_LEAD}]
    await together(*(_open_account(context, person) for person in context.world.staff if person not in operators))
    body: Answer = {
        "operator_name": "云上黔程信息服务有限公司",
        "act": f"关于指定服务系统运营方的函（演示〔{context.year}〕1号）",
        "starts_at": moment(context.year, 1, 1, hour=0).isoformat(),
    }
    await context.post(context.staff(Role.BUREAU_LEAD), "identity/v1/designations", body)
    await together(*(_open_account(context, person) for person in operators))
    await context.settle()


async def register(context: DemoContext) -> None:
    """Everybody registers, uploads papers and hands in for authentication."""
    world = context.world
    parties = (*world.providers, *world.enterprises, world.individual_business, world.refused_enterprise)
    await together(*(_register(context, party) for party in parties))
    await context.on(1, 7)
    # It never gets as far as handing anything in: when the story is told on much later, its registration is gone.
    if not await context.api.gets_in(context.login(world.individual_business.key)):
        parties = tuple(party for party in parties if party is not world.individual_business)
    await together(*(_upload_papers(context, party) for party in parties))
    unreadable = world.enterprises[ILLEGIBLE]
    others = [party for party in parties if party not in {unreadable, world.individual_business}]
    if world.individual_business in parties:
        await _submit(context, world.individual_business, refused="identity.legal_person_contradicted")
    await together(
        _submit(context, unreadable, illegible_reasons={"licence": "扫描仪故障，先行提交，稍后补充。"}),
        *(_submit(context, party) for party in others),
    )


async def review(context: DemoContext) -> None:
    """The operator sends one back, refuses one, and approves the others; the bureau recognises the providers."""
    world = context.world
    unreadable, refused = world.enterprises[ILLEGIBLE], world.refused_enterprise
    others = [party for party in (*world.providers, *world.enterprises) if party is not unreadable]
    forms = {kind: await context.get(None, f"identity/v1/forms/{kind}") for kind in ("enterprise", "provider")}
    ticks = {kind: [item["code"] for item in form["conditions"]] for kind, form in forms.items()}
    await together(
        _send_back(context, unreadable),
        _refuse(context, refused),
        *(_approve(context, party, ticks=ticks[party.kind]) for party in others),
    )
    await context.on(1, 14)
    await _upload(context, unreadable, "licence", _paper(unreadable, "licence"))
    await _submit(context, unreadable, turn=2)
    await context.on(1, 15)
    await _approve(context, unreadable, ticks=ticks["enterprise"])
    await together(*(_recognise(context, provider) for provider in world.providers))


async def record_ties(context: DemoContext) -> None:
    """One enterprise is put on the priority list, another declares its tie with a provider."""
    listed = context.world.enterprises[PRIORITY_LISTED]
    tied, provider = context.world.enterprises[AFFILIATED[0]], context.world.providers[AFFILIATED[1]]
    await context.put(
        context.staff(Role.BUREAU_OFFICER),
        f"{ORGANISATIONS}/{context.ids[listed.key]}/priority",
        {"listed": True, "source": f"“万企融合”大行动{context.year}年度融合标杆项目名单"},
    )
    body: Answer = {
        "organisation_id": context.ids[tied.key],
        "counterpart_code": provider.credit_code,
        "kind": "property_tie",
        "source": "企业自行申报：云服务商持有本企业30%股权。",
    }
    await context.post(context.login(tied.key), "identity/v1/affiliations", body)
    await context.settle()


async def register_late(context: DemoContext, party: Organisation) -> None:
    """One more enterprise comes, which waits for its review."""
    await _register(context, party)
    await _upload_papers(context, party)
    await _submit(context, party)


async def _open_account(context: DemoContext, person: Staff) -> None:
    login = context.login(person.key)
    body: Answer = {
        "sign_in_name": login.name,
        "display_name": person.name,
        "roles": [person.role.value],
        "region": person.region,
        "reason": "按岗位开立账号",
    }
    proposed = await context.post(context.admin, "identity/v1/staff", body)
    approved = await context.post(context.second_admin, f"identity/v1/staff-proposals/{proposed['id']}/approve")
    # Each administrator hands over a part of the code; only the new colleague has both.
    code = f"{proposed['code_part']} {approved['code_part']}"
    setting: Answer = {"sign_in_name": login.name, "code": code, "new": login.password}
    await context.post(None, "identity/v1/password-resets", setting, tolerated=CODE_USED)


async def _register(context: DemoContext, party: Organisation) -> None:
    login = context.login(party.key)
    body: Answer = {
        "kind": party.kind,
        "credit_code": party.credit_code,
        "name": party.name,
        "region": party.region,
        "contact_name": party.contact,
        "contact_phone": party.phone,
        "sign_in_name": login.name,
        "password": login.password,
    }
    answer = await context.post(None, "identity/v1/registrations", body)
    context.ids[party.key] = answer["organisation_id"]


async def _upload_papers(context: DemoContext, party: Organisation) -> None:
    kinds: tuple[str, ...] = ("licence", "provider_form")
    if party.kind == "enterprise":
        kinds = ("licence", "id_front", "id_back", "enterprise_form")
    for kind in kinds:
        unreadable = kind == "licence" and party is context.world.enterprises[ILLEGIBLE]
        await _upload(context, party, kind, _blank_page() if unreadable else _paper(party, kind))


async def _upload(context: DemoContext, party: Organisation, kind: str, file: File) -> None:
    await context.put(context.login(party.key), f"{ORGANISATIONS}/{context.ids[party.key]}/documents/{kind}", file)


def _paper(party: Organisation, kind: str) -> File:
    lines = [kind.replace("_", " ").title(), f"Code {party.credit_code}", "Made up for the demonstration"]
    seed = int.from_bytes(f"{party.key} {kind}".encode(), "big") % 2**31
    if kind.startswith("id_"):
        return File(content=paper_jpeg(seed, lines=lines), media_type="image/jpeg")
    return File(content=paper_pdf(seed, lines=lines), media_type="application/pdf")


def _blank_page() -> File:
    file = BytesIO()
    Image.new("L", SIZE_PX, color=250).save(file, format="PNG")
    return File(content=file.getvalue())


async def _submit(
    context: DemoContext,
    party: Organisation,
    *,
    turn: int = 1,
    refused: str = "",
    illegible_reasons: dict[str, str] | None = None,
) -> None:
    body: Answer = {
        # Its owner ticks the wrong box; the credit code knows better.
        "legal_person": True,
        "established_on": party.established_on.isoformat(),
        "size_class": party.size_class,
        "declaration_version": context.texts.declaration_version,
        "id_number": party.id_number,
        "illegible_reasons": illegible_reasons or {},
    }
    await context.post(context.login(party.key), _authentication(context, party), body, turn=turn, refused=refused)


def _authentication(context: DemoContext, party: Organisation) -> str:
    return f"{ORGANISATIONS}/{context.ids[party.key]}/authentication"


async def _send_back(context: DemoContext, party: Organisation) -> None:
    body: Answer = {"reason": "营业执照无法辨认，请重新上传。", "documents": {"licence": "页面空白，看不清文字。"}}
    await context.post(context.staff(Role.OPERATOR_CLERK), f"{_authentication(context, party)}/send-back", body)


async def _refuse(context: DemoContext, party: Organisation) -> None:
    body: Answer = {"reason": "经查询国家企业信用信息公示系统，该企业营业执照已被吊销。"}
    await context.post(context.staff(Role.OPERATOR_CLERK), f"{_authentication(context, party)}/refuse", body)


async def _approve(context: DemoContext, party: Organisation, *, ticks: list[str]) -> None:
    checklist = [{"condition": tick, "met": True, "evidence": "已核对证照及信用信息公示系统。"} for tick in ticks]
    body: Answer = {"reason": "材料齐全清晰，符合条件。", "checklist": checklist}
    await context.post(context.staff(Role.OPERATOR_CLERK), f"{_authentication(context, party)}/approve", body)


async def _recognise(context: DemoContext, provider: Organisation) -> None:
    body: Answer = {
        "outcome": "recognised",
        "criteria": ["服务能力", "行业覆盖", "社会信誉"],
        "reason": "专家评议综合得分位居前列，择优认定。",
    }
    path = f"{ORGANISATIONS}/{context.ids[provider.key]}/recognition"
    await context.post(context.staff(Role.BUREAU_OFFICER), path, body)
