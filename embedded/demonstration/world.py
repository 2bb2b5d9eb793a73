"""The made-up world of the demonstration: parties, staff and products, the same for the same seed and year."""

import random
from dataclasses import dataclass
from datetime import date, timedelta

from embedded.demonstration.names import (
    ENTERPRISES,
    INDIVIDUAL_BUSINESS,
    NEWCOMER,
    PRODUCTS,
    PROVIDERS,
    REFUSED_ENTERPRISE,
    EnterpriseRow,
    ProductRow,
    ProviderRow,
)
from shared.contracts.permissions import Role
from shared.kernel.credit_code import check_character
from shared.kernel.money import Fen, parse_yuan

SEED = 53
NO_AREA = "890000"
"""Made-up ID numbers begin with an area that GB/T 2260 never gave to a place, so they are no living person's."""
TOO_YOUNG = 27
"""Place of the enterprise that was registered too short a time when last year's plan opened."""
PRIORITY_LISTED = 28
"""Place of the enterprise on the published priority list."""
AFFILIATED = (29, 0)
"""Places of an enterprise and a provider with a property tie, who may not deal with each other by voucher."""

_ENTERPRISE_TYPE, _INDIVIDUAL_TYPE = "91", "92"
_ORGANISATION_WEIGHTS = (3, 7, 9, 10, 5, 8, 4, 2)
_AGE_DAYS = (500, 6_000)
_BORN_FROM, _BIRTH_DAYS = date(1960, 1, 1), 14_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Organisation:
    """An enterprise or a provider with the person who acts for it."""

    key: str
    kind: str
    region: str
    name: str
    credit_code: str
    established_on: date
    size_class: str
    legal_person: bool
    contact: str
    phone: str
    id_number: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Staff:
    """Somebody who works at the operator, the bureau, the finance department, an auditor or a region."""

    key: str
    role: Role
    title: str
    name: str
    region: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceComponent:
    """One price of a product, in fen."""

    code: str
    name: str
    unit: str
    price_fen: Fen


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductOffer:
    """A product that a provider lists."""

    key: str
    provider: str
    name: str
    class_code: str
    components: tuple[PriceComponent, ...]
    voucher: bool
    description: str
    service_standard: str
    market_reference: str


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Everybody and everything of the demonstration."""

    enterprises: tuple[Organisation, ...]
    individual_business: Organisation
    refused_enterprise: Organisation
    providers: tuple[Organisation, ...]
    staff: tuple[Staff, ...]
    products: tuple[ProductOffer, ...]

    def staff_of(self, role: Role) -> Staff:
        """The first person in that role."""
        return next(person for person in self.staff if person.role is role)


STAFF = (
    Staff(key="operator-clerk", role=Role.OPERATOR_CLERK, title="系统运营方 经办", name="苏青"),
    Staff(key="operator-clerk-2", role=Role.OPERATOR_CLERK, title="系统运营方 经办（二）", name="卢敏"),
    Staff(key="operator-lead", role=Role.OPERATOR_LEAD, title="系统运营方 负责人", name="高岩"),
    Staff(key="bureau-officer", role=Role.BUREAU_OFFICER, title="省大数据局 经办", name="梁文"),
    Staff(key="bureau-lead", role=Role.BUREAU_LEAD, title="省大数据局 负责人", name="方正"),
    Staff(key="finance", role=Role.FINANCE, title="财政部门", name="钱谨"),
    Staff(key="auditor", role=Role.AUDITOR, title="第三方监理", name="严明"),
    Staff(key="region-guiyang", role=Role.REGION, title="贵阳市大数据主管部门", name="林筑", region="520100"),
    Staff(key="region-zunyi", role=Role.REGION, title="遵义市大数据主管部门", name="汪遵", region="520300"),
)


def make_world(year: int, *, seed: int = SEED) -> World:
    """The world as it stands when the story begins on 1 January of `year`."""
    chosen = random.Random(seed)  # noqa: S311 - a made-up world is to be repeatable, not secret
    enterprises = tuple(_enterprise(place, row, chosen, year) for place, row in enumerate(ENTERPRISES))
    refused = _organisation("enterprise-refused", "enterprise", REFUSED_ENTERPRISE, chosen, _age(chosen, year))
    business = _organisation("individual-business", "enterprise", INDIVIDUAL_BUSINESS, chosen, _age(chosen, year))
    return World(
        enterprises=enterprises,
        individual_business=business,
        refused_enterprise=refused,
        providers=tuple(
            _organisation(f"provider-{place + 1}", "provider", row, chosen, _age(chosen, year))
            for place, row in enumerate(PROVIDERS)
        ),
        staff=STAFF,
        products=tuple(_product(place, row) for place, row in enumerate(PRODUCTS)),
    )


def make_newcomer(year: int, *, seed: int = SEED) -> Organisation:
    """An enterprise that comes after all the others."""
    chosen = random.Random(seed + 1)  # noqa: S311 - a made-up world is to be repeatable, not secret
    return _organisation("enterprise-new", "enterprise", NEWCOMER, chosen, _age(chosen, year))


def _enterprise(place: int, row: EnterpriseRow, chosen: random.Random, year: int) -> Organisation:
    established_on = date(year - 1, 9, 15) if place == TOO_YOUNG else _age(chosen, year)
    return _organisation(f"enterprise-{place + 1:02}", "enterprise", row, chosen, established_on)


def _age(chosen: random.Random, year: int) -> date:
    return date(year, 1, 1) - timedelta(days=chosen.randrange(*_AGE_DAYS))


def _organisation(
    key: str, kind: str, row: EnterpriseRow | ProviderRow, chosen: random.Random, established_on: date
) -> Organisation:
    individual = row is INDIVIDUAL_BUSINESS
    body = f"YQ{chosen.randrange(10**6):06}"
    return Organisation(
        key=key,
        kind=kind,
        region=row.region,
        name=row.name,
        credit_code=credit_code(_INDIVIDUAL_TYPE if individual else _ENTERPRISE_TYPE, region=row.region, body=body),
        established_on=established_on,
        size_class=row.size_class if isinstance(row, EnterpriseRow) else "small",
        legal_person=not individual,
        contact=row.contact,
        # An area code with a number that no exchange assigns.
        phone=f"0851-0{chosen.randrange(10**7):07}",
        id_number=id_number(int(body[2:]), sex=chosen.randrange(2)),
    )


def id_number(number: int, *, sex: int) -> str:
    """A made-up ID number whose check place holds, another one for each `number` below a million.

    Two people with one number would be shown to the operator as one company. Source: GB 11643-1999.
    """
    order, days = divmod(number, _BIRTH_DAYS)
    born = _BORN_FROM + timedelta(days=days)
    first_places = f"{NO_AREA}{born:%Y%m%d}{2 * order + sex:03}"
    total = sum(int(digit) * (2 ** (17 - place) % 11) for place, digit in enumerate(first_places))
    return first_places + "10X98765432"[total % 11]


def credit_code(kind: str, *, region: str, body: str) -> str:
    """A code whose two check places hold: `kind` is 2, `region` 6, `body` 8 places. Source: GB 32100, GB 11714."""
    weighted = zip(body, _ORGANISATION_WEIGHTS, strict=True)
    total = sum(int(symbol, 36) * weight for symbol, weight in weighted)
    first_places = f"{kind}{region}{body}" + "0123456789X0"[11 - total % 11]
    return first_places + check_character(first_places)


def _product(place: int, row: ProductRow) -> ProductOffer:
    parts = [text.split("/") for text in row.components]
    return ProductOffer(
        key=f"product-{place + 1:02}",
        provider=f"provider-{row.provider + 1}",
        name=row.name,
        class_code=row.class_code,
        components=tuple(
            PriceComponent(code=f"c{number}", name=name, unit="/".join(unit), price_fen=parse_yuan(yuan))
            for number, (name, *unit, yuan) in enumerate(parts, start=1)
        ),
        voucher=row.voucher,
        description=row.description,
        service_standard=(
            "可用性不低于99.9%，故障30分钟内响应、4小时内恢复；提供7×24小时客服和月度用量报告；终止服务前30日可完整导出数据。"
        ),
        market_reference="参照省内同类云服务公开报价，取三家平均价，本产品不高于该平均价。",
    )
