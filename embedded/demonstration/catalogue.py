"""The chapters of the catalogue: products through both reviews, a new price, a delisting."""

from dataclasses import replace

from embedded.demonstration.client import Answer, Login, together
from embedded.demonstration.stage import Stage
from embedded.demonstration.world import ProductOffer
from shared.contracts.permissions import Role
from shared.kernel.money import Fen

SENT_BACK = 9
"""Number of the product whose first edition the operator returns."""
RETURNED_BY_BUREAU = 11
"""Number of the product that the bureau returns once."""
REPRICED = 1
"""Number of the product that gets a new price in June."""
DELISTED = 14
"""Number of the product that is taken off in September."""
PRODUCTS = "catalog/v1/products"
DELISTING_GROUND = "g3_false_service"


def product_key(number: int) -> str:
    """The key of a product by its number, from 1."""
    return f"product-{number:02}"


async def read_texts(stage: Stage) -> None:
    """Read what every submission quotes, as anybody may."""
    declaration, agreement, classes = await together(
        stage.get(None, "catalog/v1/truth-declaration"),
        stage.get(None, "catalog/v1/agreement"),
        stage.get(None, "catalog/v1/classes"),
    )
    stage.texts = replace(
        stage.texts,
        declaration_version=declaration["version"],
        agreement_version=agreement["version"],
        checklists={item["code"]: [tick["code"] for tick in item["checklist"]] for item in classes["data"]},
        rates_bp={item["code"]: item["rate_bp"] for item in classes["data"]},
    )


async def list_products(stage: Stage) -> None:
    """January and February: every provider lists its products, and both reviews look at them."""
    await stage.on(1, 22)
    await together(*(_draft_and_submit(stage, product) for product in stage.world.products))
    await stage.on(1, 26)
    returned = stage.world.products[SENT_BACK - 1]
    others = [product for product in stage.world.products if product is not returned]
    await together(_send_back(stage, returned), *(_give_opinion(stage, product, turn=1) for product in others))
    await stage.on(1, 29)
    refused = stage.world.products[RETURNED_BY_BUREAU - 1]
    await together(
        _better(stage, returned, standard=f"{returned.service_standard}每日全量备份，恢复时间不超过2小时。"),
        *(_decide(stage, product, turn=1) for product in others if product is not refused),
        _decide(stage, refused, turn=1, reason="市场参考价依据不足，请补充三家以上同类报价。", approve=False),
    )
    await _give_opinion(stage, returned, turn=2)
    await stage.on(2, 5)
    await _better(stage, refused, standard=refused.service_standard)
    await _give_opinion(stage, refused, turn=2)
    await together(_decide(stage, returned, turn=2), _decide(stage, refused, turn=2))
    await stage.settle()


async def change_price(stage: Stage) -> None:
    """A new price reopens both reviews; until they are over the old price holds. Source: Q10."""
    product = stage.world.products[REPRICED - 1]
    components = tuple(
        replace(component, price_fen=Fen(component.price_fen * 95 // 100)) for component in product.components
    )
    await revise(stage, replace(product, components=components), turn=3)
    await _give_opinion(stage, product, turn=3)
    await _decide(stage, product, turn=3)
    await stage.settle()


async def propose_delisting(stage: Stage) -> None:
    """An operator's clerk proposes a delisting with evidence, and the provider is heard."""
    key = product_key(DELISTED)
    body: Answer = {
        "ground": DELISTING_GROUND,
        "evidence": "经三家上云企业投诉并现场核查，设备未实际接入平台，监测数据系人工填报。",
    }
    clerk = stage.staff(Role.OPERATOR_CLERK)
    proposal = await stage.post(clerk, f"{PRODUCTS}/{stage.ids[key]}/delistings", body)
    stage.ids["delisting"] = proposal["id"]
    statement = {"statement": "部分网关到货延迟，现场人员代为填报，现已停止，愿意配合整改。"}
    await stage.post(_provider(stage, stage.world.products[DELISTED - 1]), f"{_delisting(stage)}/statement", statement)


async def approve_delisting(stage: Stage) -> None:
    """The operator's lead, a second person, approves it."""
    body: Answer = {"approve": True, "reason": "证据确凿，陈述意见不影响认定，予以下架。"}
    await stage.post(stage.staff(Role.OPERATOR_LEAD), f"{_delisting(stage)}/decision", body)
    await stage.settle()


async def leave_open(stage: Stage) -> None:
    """Today one new edition waits for the operator and another one for the bureau."""
    first, second = stage.world.products[11], stage.world.products[16]
    await together(
        revise(stage, replace(first, description=f"{first.description}新增月度专题。"), turn=9),
        revise(stage, replace(second, description=f"{second.description}新增多仓库。"), turn=9),
    )
    await _give_opinion(stage, second, turn=9)


async def revise(stage: Stage, product: ProductOffer, *, turn: int) -> None:
    """A provider rewrites its product and hands the new edition in."""
    provider, path = _provider(stage, product), f"{PRODUCTS}/{stage.ids[product.key]}"
    answer = await stage.put(provider, path, _content(product), turn=turn, version=stage.versions[product.key])
    stage.versions[product.key] = answer["version"]
    await _submit(stage, product, turn=turn)


async def _draft_and_submit(stage: Stage, product: ProductOffer) -> None:
    answer = await stage.post(_provider(stage, product), PRODUCTS, _content(product))
    stage.ids[product.key] = answer["id"]
    await _submit(stage, product, turn=1)


async def _submit(stage: Stage, product: ProductOffer, *, turn: int) -> None:
    body: Answer = {
        "declaration_version": stage.texts.declaration_version,
        "checklist": stage.texts.checklists[product.class_code],
    }
    await _act(stage, _provider(stage, product), product, "submit", body, turn=turn)


async def _better(stage: Stage, product: ProductOffer, *, standard: str) -> None:
    await revise(
        stage,
        replace(product, service_standard=standard, market_reference=f"{product.market_reference}附四家报价单。"),
        turn=2,
    )


async def _send_back(stage: Stage, product: ProductOffer) -> None:
    body: Answer = {"text": "服务标准未写明备份周期和恢复时间，请补充后重新提交。"}
    await _act(stage, stage.staff(Role.OPERATOR_CLERK), product, "send-back", body, turn=1)


async def _give_opinion(stage: Stage, product: ProductOffer, *, turn: int) -> None:
    body: Answer = {"favourable": True, "text": "材料齐全，服务标准明确，价格未见异常，建议上架。"}
    await _act(stage, stage.staff(Role.OPERATOR_CLERK), product, "opinion", body, turn=turn)


async def _decide(
    stage: Stage, product: ProductOffer, *, turn: int, approve: bool = True, reason: str = "同意上架。"
) -> None:
    body: Answer = {"approve": approve, "reason": reason}
    await _act(stage, stage.staff(Role.BUREAU_OFFICER), product, "decision", body, turn=turn)


async def _act(  # noqa: PLR0913 - the parts of an act
    stage: Stage, who: Login, product: ProductOffer, act: str, body: Answer, *, turn: int
) -> None:
    answer = await stage.post(who, f"{PRODUCTS}/{stage.ids[product.key]}/{act}", body, turn=turn)
    stage.versions[product.key] = answer["version"]
    if answer["published_edition"] is not None:
        stage.editions[product.key] = answer["published_edition"]


def _provider(stage: Stage, product: ProductOffer) -> Login:
    return stage.login(product.provider)


def _delisting(stage: Stage) -> str:
    return f"catalog/v1/delistings/{stage.ids['delisting']}"


def _content(product: ProductOffer) -> Answer:
    return {
        "name": product.name,
        "class_code": product.class_code,
        "description": product.description,
        "service_standard": product.service_standard,
        "market_reference": product.market_reference,
        "voucher": product.voucher,
        "components": [
            {"code": part.code, "name": part.name, "unit": part.unit, "price_fen": part.price_fen}
            for part in product.components
        ],
    }
