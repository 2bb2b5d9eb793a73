"""The chapters of entry: staff, the operator's designation, registration, authentication, recognition."""

from io import BytesIO

from PIL import Image

from embedded.demonstration.client import Answer, File, together
from embedded.demonstration.stage import Stage, moment
from embedded.demonstration.world import AFFILIATED, PRIORITY_LISTED, Organisation, Staff
from embedded.papers import paper_jpeg, paper_pdf
from shared.contracts.permissions import Role

ORGANISATIONS = "identity/v1/organisations"
ILLEGIBLE = 4
"""Place of the enterprise whose first licence nobody can read."""
SIZE_PX = (800, 600)
CODE_USED = frozenset({"identity.reset_code_wrong"})
"""What a code says that was used before the story was interrupted."""


async def appoint(stage: Stage) -> None:
    """The two administrators open the staff accounts: those of the operator's people once it is designated."""
    operators = [person for person in stage.world.staff if person.role in {Role.OPERATOR_CLERK, Role.OPERATOR_LEAD}]
    await together(*(_open_account(stage, person) for person in stage.world.staff if person not in operators))
    body: Answer = {
        "operator_name": "云上黔程信息服务有限公司",
        "act": f"关于指定服务系统运营方的函（演示〔{stage.year}〕1号）",
        "starts_at": moment(stage.year, 1, 1, hour=0).isoformat(),
    }
    await stage.post(stage.staff(Role.BUREAU_LEAD), "identity/v1/designations", body)
    await together(*(_open_account(stage, person) for person in operators))
    await stage.settle()


async def register(stage: Stage) -> None:
    """Everybody registers, uploads papers and hands in for authentication."""
    world = stage.world
    parties = (*world.providers, *world.enterprises, world.individual_business, world.refused_enterprise)
    await together(*(_register(stage, party) for party in parties))
    await stage.on(1, 7)
    # It never gets as far as handing anything in: when the story is told on much later, its registration is gone.
    if not await stage.api.gets_in(stage.login(world.individual_business.key)):
        parties = tuple(party for party in parties if party is not world.individual_business)
    await together(*(_upload_papers(stage, party) for party in parties))
    unreadable = world.enterprises[ILLEGIBLE]
    others = [party for party in parties if party not in {unreadable, world.individual_business}]
    if world.individual_business in parties:
        await _submit(stage, world.individual_business, refused="identity.legal_person_contradicted")
    await together(
        _submit(stage, unreadable, illegible_reasons={"licence": "扫描仪故障，先行提交，稍后补充。"}),
        *(_submit(stage, party) for party in others),
    )


async def review(stage: Stage) -> None:
    """The operator sends one back, refuses one, and approves the others; the bureau recognises the providers."""
    world = stage.world
    unreadable, refused = world.enterprises[ILLEGIBLE], world.refused_enterprise
    others = [party for party in (*world.providers, *world.enterprises) if party is not unreadable]
    forms = {kind: await stage.get(None, f"identity/v1/forms/{kind}") for kind in ("enterprise", "provider")}
    ticks = {kind: [item["code"] for item in form["conditions"]] for kind, form in forms.items()}
    await together(
        _send_back(stage, unreadable),
        _refuse(stage, refused),
        *(_approve(stage, party, ticks=ticks[party.kind]) for party in others),
    )
    await stage.on(1, 14)
    await _upload(stage, unreadable, "licence", _paper(unreadable, "licence"))
    await _submit(stage, unreadable, turn=2)
    await stage.on(1, 15)
    await _approve(stage, unreadable, ticks=ticks["enterprise"])
    await together(*(_recognise(stage, provider) for provider in world.providers))


async def record_ties(stage: Stage) -> None:
    """One enterprise is put on the priority list, another declares its tie with a provider."""
    listed = stage.world.enterprises[PRIORITY_LISTED]
    tied, provider = stage.world.enterprises[AFFILIATED[0]], stage.world.providers[AFFILIATED[1]]
    await stage.put(
        stage.staff(Role.BUREAU_OFFICER),
        f"{ORGANISATIONS}/{stage.ids[listed.key]}/priority",
        {"listed": True, "source": f"“万企融合”大行动{stage.year}年度融合标杆项目名单"},
    )
    body: Answer = {
        "organisation_id": stage.ids[tied.key],
        "counterpart_code": provider.credit_code,
        "kind": "property_tie",
        "source": "企业自行申报：云服务商持有本企业30%股权。",
    }
    await stage.post(stage.login(tied.key), "identity/v1/affiliations", body)
    await stage.settle()


async def register_late(stage: Stage, party: Organisation) -> None:
    """One more enterprise comes, which waits for its review."""
    await _register(stage, party)
    await _upload_papers(stage, party)
    await _submit(stage, party)


async def _open_account(stage: Stage, person: Staff) -> None:
    login = stage.login(person.key)
    body: Answer = {
        "sign_in_name": login.name,
        "display_name": person.name,
        "roles": [person.role.value],
        "region": person.region,
        "reason": "按岗位开立账号",
    }
    proposed = await stage.post(stage.admin, "identity/v1/staff", body)
    approved = await stage.post(stage.second_admin, f"identity/v1/staff-proposals/{proposed['id']}/approve")
    # Each administrator hands over a part of the code; only the new colleague has both.
    code = f"{proposed['code_part']} {approved['code_part']}"
    setting: Answer = {"sign_in_name": login.name, "code": code, "new": login.password}
    await stage.post(None, "identity/v1/password-resets", setting, tolerated=CODE_USED)


async def _register(stage: Stage, party: Organisation) -> None:
    login = stage.login(party.key)
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
    answer = await stage.post(None, "identity/v1/registrations", body)
    stage.ids[party.key] = answer["organisation_id"]


async def _upload_papers(stage: Stage, party: Organisation) -> None:
    kinds: tuple[str, ...] = ("licence", "provider_form")
    if party.kind == "enterprise":
        kinds = ("licence", "id_front", "id_back", "enterprise_form")
    for kind in kinds:
        unreadable = kind == "licence" and party is stage.world.enterprises[ILLEGIBLE]
        await _upload(stage, party, kind, _blank_page() if unreadable else _paper(party, kind))


async def _upload(stage: Stage, party: Organisation, kind: str, file: File) -> None:
    await stage.put(stage.login(party.key), f"{ORGANISATIONS}/{stage.ids[party.key]}/documents/{kind}", file)


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
    stage: Stage,
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
        "declaration_version": stage.texts.declaration_version,
        "id_number": party.id_number,
        "illegible_reasons": illegible_reasons or {},
    }
    await stage.post(stage.login(party.key), _authentication(stage, party), body, turn=turn, refused=refused)


def _authentication(stage: Stage, party: Organisation) -> str:
    return f"{ORGANISATIONS}/{stage.ids[party.key]}/authentication"


async def _send_back(stage: Stage, party: Organisation) -> None:
    body: Answer = {"reason": "营业执照无法辨认，请重新上传。", "documents": {"licence": "页面空白，看不清文字。"}}
    await stage.post(stage.staff(Role.OPERATOR_CLERK), f"{_authentication(stage, party)}/send-back", body)


async def _refuse(stage: Stage, party: Organisation) -> None:
    body: Answer = {"reason": "经查询国家企业信用信息公示系统，该企业营业执照已被吊销。"}
    await stage.post(stage.staff(Role.OPERATOR_CLERK), f"{_authentication(stage, party)}/refuse", body)


async def _approve(stage: Stage, party: Organisation, *, ticks: list[str]) -> None:
    checklist = [{"condition": tick, "met": True, "evidence": "已核对证照及信用信息公示系统。"} for tick in ticks]
    body: Answer = {"reason": "材料齐全清晰，符合条件。", "checklist": checklist}
    await stage.post(stage.staff(Role.OPERATOR_CLERK), f"{_authentication(stage, party)}/approve", body)


async def _recognise(stage: Stage, provider: Organisation) -> None:
    body: Answer = {
        "outcome": "recognised",
        "criteria": ["服务能力", "行业覆盖", "社会信誉"],
        "reason": "专家评议综合得分位居前列，择优认定。",
    }
    path = f"{ORGANISATIONS}/{stage.ids[provider.key]}/recognition"
    await stage.post(stage.staff(Role.BUREAU_OFFICER), path, body)
