"""Last year: from the first plan to the taking back of what nobody used."""

from embedded.demonstration import catalogue, claims, entry, orders, quota
from embedded.demonstration.claims import Filing, Judgement
from embedded.demonstration.context import DemoContext, moment
from embedded.demonstration.order_script import (
    AUTUMN,
    CANCELLED,
    DECLINED,
    FORGOTTEN,
    INCREASE_YUAN,
    LAST_YEAR_TOTAL_YUAN,
    LAST_YEAR_YUAN,
    OFF_DIRECTORY,
    SELF_PAID,
    SPRING,
    SUMMER,
    THIS_YEAR_TOTAL_YUAN,
    TIED,
    TOO_DEAR,
    TOO_LATE,
    WINTER,
    YEAR_END,
)
from embedded.demonstration.world import TOO_YOUNG

ABOVE_CAP = 4
REFUSED, SENT_BACK, WITHDRAWN = 10, 14, 6
FIRST_SERVED = 21
"""Places up to here found money at once; the next one got a part."""
SERVED_LATER = (22, 23, 24, 25)
SERVED_BY_INCREASE = (26, 28)
ORDINARY = Judgement()

SPRING_CLAIMS = (
    Filing(key="q1-cloud", provider="provider-1", orders=("s01", "s02", "s08")),
    Filing(key="q1-data", provider="provider-4", orders=("s03", "s06")),
    Filing(key="q1-network", provider="provider-2", orders=("s05",)),
)
SPRING_JUDGEMENT = Judgement(
    rejected={"s06": "平台登录记录显示合同期内无实际使用，服务真实性存疑。"},
    reduced={"s02": (80, "部分存储空间未启用，按实际使用比例核减。")},
)
LATE_CLAIM = Filing(key="q2-industry", provider="provider-3", orders=("s04", "s12"))
SUMMER_CLAIMS = (
    LATE_CLAIM,
    Filing(key="q2-data", provider="provider-4", orders=("s06", "u03")),
    Filing(key="q2-things", provider="provider-5", orders=("s09",)),
    Filing(key="q2-cloud", provider="provider-1", orders=("u01",)),
)
AUTUMN_CLAIMS = (
    Filing(key="q3-industry", provider="provider-3", orders=("a03", "a04")),
    Filing(key="q3-software", provider="provider-6", orders=("s10",)),
)
AUTUMN_JUDGEMENT = Judgement(reduced={"a03": (90, "培训服务尚未完成，核减相应部分。")})
WINTER_CLAIMS = (
    Filing(key="q4-data", provider="provider-4", orders=("a05", "w01")),
    Filing(key="q4-cloud", provider="provider-1", orders=("u08",)),
    Filing(key="q4-network", provider="provider-2", orders=("u05", "u07")),
)


async def open_scheme(context: DemoContext) -> None:
    """Staff, operator, and the year's plan."""
    await context.on(1, 1)
    await catalogue.read_texts(context)
    await entry.appoint(context)
    await context.on(1, 3)
    opens_at = moment(context.year, 3, 1)
    await quota.publish_plan(context, context.year, total_yuan=LAST_YEAR_TOTAL_YUAN, opens_at=opens_at)


async def let_in(context: DemoContext) -> None:
    """Registration, authentication, recognition."""
    await context.on(1, 6)
    await entry.register(context)
    await context.on(1, 10)
    await entry.review(context)
    await entry.record_ties(context)


async def fill_catalogue(context: DemoContext) -> None:
    """Products through both reviews."""
    await catalogue.list_products(context)


async def give_quota(context: DemoContext) -> None:
    """Opening day, exhaustion, and the waiting list."""
    year = context.year
    await context.on(3, 1)
    await quota.apply(context, year, place=TOO_YOUNG, yuan=30_000, refused="voucher.registered_too_short")
    await quota.apply(context, year, place=ABOVE_CAP, yuan=60_000, turn=2, refused="voucher.above_cap")
    keys = await quota.apply_in_order(context, year, LAST_YEAR_YUAN)
    await context.on(3, 5)
    ended = {REFUSED, SENT_BACK, WITHDRAWN}
    await quota.grant(context, [keys[place] for place in range(FIRST_SERVED + 1) if place not in ended])
    await quota.refuse(context, keys[REFUSED], reason="申领用途与企业经营范围不符，且未能说明。")
    await quota.send_back(context, keys[SENT_BACK], reason="上云计划书缺少预算明细，请补正后重新申领。")
    await quota.withdraw(context, keys[WITHDRAWN], place=WITHDRAWN)
    await quota.served(context, [keys[place] for place in SERVED_LATER])
    await context.on(3, 6)
    await quota.grant(context, [keys[place] for place in SERVED_LATER])
    corrected, yuan = "已补充上云计划书的预算明细。", LAST_YEAR_YUAN[SENT_BACK]
    again = await quota.apply(context, year, place=SENT_BACK, yuan=yuan, turn=2, correction=corrected)
    await quota.decided(context, [again])


async def buy_in_spring(context: DemoContext) -> None:
    """The first orders, and what may become of an order before it is confirmed."""
    await context.on(3, 10)
    await orders.place_refused(context, TIED, refused="order.parties_affiliated")
    await orders.place(context, [CANCELLED, DECLINED, TOO_DEAR, FORGOTTEN])
    await orders.expect(context, TOO_DEAR, "refused")
    await orders.cancel(context, CANCELLED)
    await orders.decline(context, DECLINED, reason="该型号设备库存不足，本月无法开通，敬请谅解。")
    await context.on(3, 12)
    await orders.buy(context, (*SPRING, SELF_PAID))
    await context.on(3, 20)
    await orders.deliver(context, SPRING)
    # The provider's fifteen days are over.
    await context.on(3, 26)
    await orders.expect(context, FORGOTTEN, "cancelled", reason="timeout")


async def redeem_spring(context: DemoContext) -> None:
    """The first window: a rejected order, a question answered in time, a reduction; one claim misses the window."""
    await claims.file(context, SPRING_CLAIMS)
    await context.on(3, 30)
    await claims.draft(context, LATE_CLAIM)
    await claims.file_twice(context, LATE_CLAIM, order="s04", other="s03")
    await context.on(4, 2)
    await claims.submit(context, [LATE_CLAIM])
    await context.on(4, 8)
    await claims.review_first(context, SPRING_CLAIMS, SPRING_JUDGEMENT)
    await claims.ask(context, SPRING_CLAIMS[0], "请说明云服务器实际开通台数与合同台数是否一致。")
    await context.on(4, 10)
    await claims.answer_question(context, SPRING_CLAIMS[0], "经核对控制台记录，合同四台均已开通并持续运行。")
    await claims.pass_to_money(context, SPRING_CLAIMS, SPRING_JUDGEMENT)
    await context.on(4, 18)
    await claims.approve_all(context, SPRING_CLAIMS, SPRING_JUDGEMENT)
    await context.on(4, 24)
    await claims.pay_all(context, SPRING_CLAIMS)


async def refund(context: DemoContext) -> None:
    """Refunds: consented, of one line, refused, and a provider's silence."""
    by_key = {plot.key: plot for plot in SPRING}
    await context.on(4, 28)
    await orders.request_refund(context, by_key["s07"], lines=[1], reason="人事系统改由集团统一建设。")
    await orders.request_refund(context, by_key["s09"], lines=[2], reason="边缘网关型号与设备不匹配。")
    await orders.request_refund(context, by_key["s10"], lines=[2], reason="小程序需求取消。")
    await orders.request_refund(context, by_key["s11"], lines=[1], reason="网站已停用。")
    await context.on(4, 30)
    await orders.consent_refund(context, by_key["s07"])
    await orders.consent_refund(context, by_key["s09"])
    await orders.refuse_refund(context, by_key["s10"], reason="定制开发已按约定完成并交付。")
    await context.on(5, 9)
    await orders.decide_refund(context, by_key["s11"], reason="云服务商逾期未答复，经核实服务未启用，同意退款。")


async def buy_in_summer(context: DemoContext) -> None:
    """More orders, a new price, and more money for the waiting list."""
    await context.on(5, 20)
    await orders.buy(context, SUMMER)
    await context.on(6, 3)
    await orders.deliver(context, SUMMER)
    await context.on(6, 10)
    await catalogue.change_price(context)
    await context.on(6, 15)
    year = context.year
    await quota.increase_plan(context, year, amount_yuan=INCREASE_YUAN, reason="省级专项资金调剂追加。")
    keys = [f"application-{year}-{place}-1" for place in SERVED_BY_INCREASE]
    await quota.served(context, keys)
    await context.on(6, 17)
    await quota.grant(context, keys)


async def redeem_summer(context: DemoContext) -> None:
    """The second window: a rejected order filed again, and a question answered late."""
    await context.on(6, 20)
    await claims.file(context, SUMMER_CLAIMS[1:])
    await context.on(7, 4)
    await claims.review_first(context, SUMMER_CLAIMS, ORDINARY)
    await claims.ask(context, SUMMER_CLAIMS[1], "该订单此前初审未通过，请说明本次补充了哪些使用证明。")
    await context.on(7, 15)
    await claims.answer_question(
        context, SUMMER_CLAIMS[1], "补充了平台近三个月登录与任务运行记录，答复迟延，特此说明。"
    )
    await claims.pass_to_money(context, SUMMER_CLAIMS, ORDINARY)
    await context.on(7, 25)
    await claims.approve_all(context, SUMMER_CLAIMS, ORDINARY)
    await context.on(7, 30)
    await claims.pay_all(context, SUMMER_CLAIMS)


async def autumn(context: DemoContext) -> None:
    """A delisting with its consequences, a complaint, and the third window with a withdrawn order."""
    # A proposal lapses after seven days; the approval on the tenth must not be a race against the clock.
    await context.on(9, 4)
    await catalogue.propose_delisting(context)
    await context.on(9, 8)
    await orders.place(context, [OFF_DIRECTORY])
    await orders.buy(context, AUTUMN)
    await context.on(9, 10)
    await catalogue.approve_delisting(context)
    await orders.expect(context, OFF_DIRECTORY, "cancelled", reason="delisted")
    await orders.place_refused(context, TOO_LATE, refused="order.product_not_on_offer")
    await context.on(9, 18)
    await orders.deliver(context, AUTUMN)
    complaint = await orders.complain(context, AUTUMN[4], "研发协同平台连续两日无法登录，客服未按承诺响应。")
    await context.on(9, 19)
    await orders.answer_complaint(context, complaint, "已督促云服务商恢复服务并书面说明，按约定顺延服务期。")
    scores = {"cost_saving": 4, "efficiency": 5, "business_upgrade": 4, "innovation": 3}
    await orders.evaluate(context, AUTUMN[3], scores, "报表由三天缩短到半天。")
    await context.on(9, 24)
    await claims.file(context, AUTUMN_CLAIMS)
    await claims.withdraw(context, AUTUMN_CLAIMS[0], orders=["a04"], reason="发票开具有误，红冲后另行申请。")
    await context.on(10, 10)
    kept = (Filing(key="q3-industry", provider="provider-3", orders=("a03",)), AUTUMN_CLAIMS[1])
    await claims.review_first(context, kept, AUTUMN_JUDGEMENT)
    await claims.pass_to_money(context, kept, AUTUMN_JUDGEMENT)
    await context.on(10, 20)
    await claims.approve_all(context, kept, AUTUMN_JUDGEMENT)
    await context.on(10, 28)
    await claims.pay_all(context, kept)


async def end_year(context: DemoContext) -> None:
    """The last orders, next year's plan, and the year end: unused quota is taken back."""
    await context.on(12, 8)
    await orders.buy(context, WINTER)
    await context.on(12, 15)
    # Open from the first moment of the year, so that the story has a today on whatever day it is told.
    opens_at = moment(context.year + 1, 1, 1, hour=0)
    await quota.publish_plan(context, context.year + 1, total_yuan=THIS_YEAR_TOTAL_YUAN, opens_at=opens_at)
    await context.on(12, 20)
    await orders.deliver(context, WINTER)
    await claims.file(context, WINTER_CLAIMS)
    await context.on(12, 22)
    await orders.place(context, [YEAR_END])
    await context.on(1, 1, hour=0, year=context.year + 1)
    await quota.closed(context, context.year)
    await orders.expect(context, YEAR_END, "cancelled", reason="year_end")
    await claims.export(context, context.year)


CHAPTERS = (
    ("年度计划", open_scheme),
    ("注册、实名认证与认定", let_in),
    ("产品上架", fill_catalogue),
    ("申领与候补", give_quota),
    ("下单与确认", buy_in_spring),
    ("第一个兑现节点", redeem_spring),
    ("退款", refund),
    ("夏季订单与追加额度", buy_in_summer),
    ("第二个兑现节点", redeem_summer),
    ("下架、投诉与第三个兑现节点", autumn),
    ("年末收回", end_year),
)
