"""Last year: from the first plan to the taking back of what nobody used."""

from embedded.demonstration import catalogue, claims, entry, orders, quota
from embedded.demonstration.claims import Filing, Judgement
from embedded.demonstration.plots import (
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
from embedded.demonstration.stage import Stage, moment
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


async def open_scheme(stage: Stage) -> None:
    """Staff, operator, and the year's plan."""
    await stage.on(1, 1)
    await catalogue.read_texts(stage)
    await entry.appoint(stage)
    await stage.on(1, 3)
    opens_at = moment(stage.year, 3, 1)
    await quota.publish_plan(stage, stage.year, total_yuan=LAST_YEAR_TOTAL_YUAN, opens_at=opens_at)


async def let_in(stage: Stage) -> None:
    """Registration, authentication, recognition."""
    await stage.on(1, 6)
    await entry.register(stage)
    await stage.on(1, 10)
    await entry.review(stage)
    await entry.record_ties(stage)


async def fill_catalogue(stage: Stage) -> None:
    """Products through both reviews."""
    await catalogue.list_products(stage)


async def give_quota(stage: Stage) -> None:
    """Opening day, exhaustion, and the waiting list."""
    year = stage.year
    await stage.on(3, 1)
    await quota.apply(stage, year, place=TOO_YOUNG, yuan=30_000, refused="voucher.registered_too_short")
    await quota.apply(stage, year, place=ABOVE_CAP, yuan=60_000, turn=2, refused="voucher.above_cap")
    keys = await quota.apply_in_order(stage, year, LAST_YEAR_YUAN)
    await stage.on(3, 5)
    ended = {REFUSED, SENT_BACK, WITHDRAWN}
    await quota.grant(stage, [keys[place] for place in range(FIRST_SERVED + 1) if place not in ended])
    await quota.refuse(stage, keys[REFUSED], reason="申领用途与企业经营范围不符，且未能说明。")
    await quota.send_back(stage, keys[SENT_BACK], reason="上云计划书缺少预算明细，请补正后重新申领。")
    await quota.withdraw(stage, keys[WITHDRAWN], place=WITHDRAWN)
    await quota.served(stage, [keys[place] for place in SERVED_LATER])
    await stage.on(3, 6)
    await quota.grant(stage, [keys[place] for place in SERVED_LATER])
    corrected, yuan = "已补充上云计划书的预算明细。", LAST_YEAR_YUAN[SENT_BACK]
    again = await quota.apply(stage, year, place=SENT_BACK, yuan=yuan, turn=2, correction=corrected)
    await quota.decided(stage, [again])


async def buy_in_spring(stage: Stage) -> None:
    """The first orders, and what may become of an order before it is confirmed."""
    await stage.on(3, 10)
    await orders.place_refused(stage, TIED, refused="order.parties_affiliated")
    await orders.place(stage, [CANCELLED, DECLINED, TOO_DEAR, FORGOTTEN])
    await orders.expect(stage, TOO_DEAR, "refused")
    await orders.cancel(stage, CANCELLED)
    await orders.decline(stage, DECLINED, reason="该型号设备库存不足，本月无法开通，敬请谅解。")
    await stage.on(3, 12)
    await orders.buy(stage, (*SPRING, SELF_PAID))
    await stage.on(3, 20)
    await orders.deliver(stage, SPRING)
    # The provider's fifteen days are over.
    await stage.on(3, 26)
    await orders.expect(stage, FORGOTTEN, "cancelled", reason="timeout")


async def redeem_spring(stage: Stage) -> None:
    """The first window: a rejected order, a question answered in time, a reduction; one claim misses the window."""
    await claims.file(stage, SPRING_CLAIMS)
    await stage.on(3, 30)
    await claims.draft(stage, LATE_CLAIM)
    await claims.file_twice(stage, LATE_CLAIM, order="s04", other="s03")
    await stage.on(4, 2)
    await claims.submit(stage, [LATE_CLAIM])
    await stage.on(4, 8)
    await claims.review_first(stage, SPRING_CLAIMS, SPRING_JUDGEMENT)
    await claims.ask(stage, SPRING_CLAIMS[0], "请说明云服务器实际开通台数与合同台数是否一致。")
    await stage.on(4, 10)
    await claims.answer_question(stage, SPRING_CLAIMS[0], "经核对控制台记录，合同四台均已开通并持续运行。")
    await claims.pass_to_money(stage, SPRING_CLAIMS, SPRING_JUDGEMENT)
    await stage.on(4, 18)
    await claims.approve_all(stage, SPRING_CLAIMS, SPRING_JUDGEMENT)
    await stage.on(4, 24)
    await claims.pay_all(stage, SPRING_CLAIMS)


async def refund(stage: Stage) -> None:
    """Refunds: consented, of one line, refused, and a provider's silence."""
    by_key = {plot.key: plot for plot in SPRING}
    await stage.on(4, 28)
    await orders.request_refund(stage, by_key["s07"], lines=[1], reason="人事系统改由集团统一建设。")
    await orders.request_refund(stage, by_key["s09"], lines=[2], reason="边缘网关型号与设备不匹配。")
    await orders.request_refund(stage, by_key["s10"], lines=[2], reason="小程序需求取消。")
    await orders.request_refund(stage, by_key["s11"], lines=[1], reason="网站已停用。")
    await stage.on(4, 30)
    await orders.consent_refund(stage, by_key["s07"])
    await orders.consent_refund(stage, by_key["s09"])
    await orders.refuse_refund(stage, by_key["s10"], reason="定制开发已按约定完成并交付。")
    await stage.on(5, 9)
    await orders.decide_refund(stage, by_key["s11"], reason="云服务商逾期未答复，经核实服务未启用，同意退款。")


async def buy_in_summer(stage: Stage) -> None:
    """More orders, a new price, and more money for the waiting list."""
    await stage.on(5, 20)
    await orders.buy(stage, SUMMER)
    await stage.on(6, 3)
    await orders.deliver(stage, SUMMER)
    await stage.on(6, 10)
    await catalogue.change_price(stage)
    await stage.on(6, 15)
    year = stage.year
    await quota.increase_plan(stage, year, amount_yuan=INCREASE_YUAN, reason="省级专项资金调剂追加。")
    keys = [f"application-{year}-{place}-1" for place in SERVED_BY_INCREASE]
    await quota.served(stage, keys)
    await stage.on(6, 17)
    await quota.grant(stage, keys)


async def redeem_summer(stage: Stage) -> None:
    """The second window: a rejected order filed again, and a question answered late."""
    await stage.on(6, 20)
    await claims.file(stage, SUMMER_CLAIMS[1:])
    await stage.on(7, 4)
    await claims.review_first(stage, SUMMER_CLAIMS, ORDINARY)
    await claims.ask(stage, SUMMER_CLAIMS[1], "该订单此前初审未通过，请说明本次补充了哪些使用证明。")
    await stage.on(7, 15)
    await claims.answer_question(stage, SUMMER_CLAIMS[1], "补充了平台近三个月登录与任务运行记录，答复迟延，特此说明。")
    await claims.pass_to_money(stage, SUMMER_CLAIMS, ORDINARY)
    await stage.on(7, 25)
    await claims.approve_all(stage, SUMMER_CLAIMS, ORDINARY)
    await stage.on(7, 30)
    await claims.pay_all(stage, SUMMER_CLAIMS)


async def autumn(stage: Stage) -> None:
    """A delisting with its consequences, a complaint, and the third window with a withdrawn order."""
    await stage.on(9, 3)
    await catalogue.propose_delisting(stage)
    await stage.on(9, 8)
    await orders.place(stage, [OFF_DIRECTORY])
    await orders.buy(stage, AUTUMN)
    await stage.on(9, 10)
    await catalogue.approve_delisting(stage)
    await orders.expect(stage, OFF_DIRECTORY, "cancelled", reason="delisted")
    await orders.place_refused(stage, TOO_LATE, refused="order.product_not_on_offer")
    await stage.on(9, 18)
    await orders.deliver(stage, AUTUMN)
    complaint = await orders.complain(stage, AUTUMN[4], "研发协同平台连续两日无法登录，客服未按承诺响应。")
    await stage.on(9, 19)
    await orders.answer_complaint(stage, complaint, "已督促云服务商恢复服务并书面说明，按约定顺延服务期。")
    scores = {"cost_saving": 4, "efficiency": 5, "business_upgrade": 4, "innovation": 3}
    await orders.evaluate(stage, AUTUMN[3], scores, "报表由三天缩短到半天。")
    await stage.on(9, 24)
    await claims.file(stage, AUTUMN_CLAIMS)
    await claims.withdraw(stage, AUTUMN_CLAIMS[0], orders=["a04"], reason="发票开具有误，红冲后另行申请。")
    await stage.on(10, 10)
    kept = (Filing(key="q3-industry", provider="provider-3", orders=("a03",)), AUTUMN_CLAIMS[1])
    await claims.review_first(stage, kept, AUTUMN_JUDGEMENT)
    await claims.pass_to_money(stage, kept, AUTUMN_JUDGEMENT)
    await stage.on(10, 20)
    await claims.approve_all(stage, kept, AUTUMN_JUDGEMENT)
    await stage.on(10, 28)
    await claims.pay_all(stage, kept)


async def end_year(stage: Stage) -> None:
    """The last orders, next year's plan, and the year end: unused quota is taken back."""
    await stage.on(12, 8)
    await orders.buy(stage, WINTER)
    await stage.on(12, 15)
    # Open from the first moment of the year, so that the story has a today on whatever day it is told.
    opens_at = moment(stage.year + 1, 1, 1, hour=0)
    await quota.publish_plan(stage, stage.year + 1, total_yuan=THIS_YEAR_TOTAL_YUAN, opens_at=opens_at)
    await stage.on(12, 20)
    await orders.deliver(stage, WINTER)
    await claims.file(stage, WINTER_CLAIMS)
    await stage.on(12, 22)
    await orders.place(stage, [YEAR_END])
    await stage.on(1, 1, hour=0, year=stage.year + 1)
    await quota.closed(stage, stage.year)
    await orders.expect(stage, YEAR_END, "cancelled", reason="year_end")
    await claims.export(stage, stage.year)


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
