"""The made-up parties of the demonstration, as tables: no name is meant to be anybody's."""

from typing import NamedTuple


class EnterpriseRow(NamedTuple):
    """Region, name, size class, contact."""

    region: str
    name: str
    size_class: str
    contact: str


class ProviderRow(NamedTuple):
    """Region, name, contact."""

    region: str
    name: str
    contact: str


class ProductRow(NamedTuple):
    """Provider (place in its table), name, class, price components `name/unit/yuan`, voucher, description."""

    provider: int
    name: str
    class_code: str
    components: tuple[str, ...]
    description: str
    voucher: bool = True


ENTERPRISES: tuple[EnterpriseRow, ...] = (
    EnterpriseRow("520100", "贵阳沐野精密机械有限公司", "medium", "罗文清"),
    EnterpriseRow("520100", "贵阳拾穗餐饮管理有限公司", "small", "吴婉秋"),
    EnterpriseRow("520100", "贵阳澄远电子元件有限公司", "small", "杨柏舟"),
    EnterpriseRow("520200", "六盘水岭川煤机制造有限公司", "medium", "张承岳"),
    EnterpriseRow("520200", "六盘水朵谷刺梨食品有限公司", "small", "李映雪"),
    EnterpriseRow("520200", "六盘水稳驰物流有限公司", "micro", "王启程"),
    EnterpriseRow("520300", "遵义竹隐竹木制品有限公司", "small", "陈知远"),
    EnterpriseRow("520300", "遵义匠瓯酒类包装有限公司", "medium", "刘沛然"),
    EnterpriseRow("520300", "遵义辛禾辣椒制品有限公司", "small", "冉星河"),
    EnterpriseRow("520400", "安顺翼航模型科技有限公司", "micro", "赵一鸣"),
    EnterpriseRow("520400", "安顺听瀑旅游服务有限公司", "small", "伍思源"),
    EnterpriseRow("520400", "安顺蜡语工艺品有限公司", "micro", "韦春燕"),
    EnterpriseRow("520500", "毕节鹤汀农牧发展有限公司", "small", "彭广田"),
    EnterpriseRow("520500", "毕节砾岩新型建材有限公司", "medium", "周维石"),
    EnterpriseRow("520500", "毕节苍术药材种植有限公司", "small", "阮天麻"),
    EnterpriseRow("520600", "铜仁净岫茶业有限公司", "small", "田茗生"),
    EnterpriseRow("520600", "铜仁鳞波水产养殖有限公司", "micro", "代秋江"),
    EnterpriseRow("520600", "铜仁朱砂新材料有限公司", "medium", "谭立衡"),
    EnterpriseRow("522300", "黔西南峰薏粮油有限公司", "small", "查禾丰"),
    EnterpriseRow("522300", "黔西南岜石石材有限公司", "small", "岑山海"),
    EnterpriseRow("522300", "黔西南绣线民族服饰有限公司", "micro", "贺锦云"),
    EnterpriseRow("522600", "黔东南银泠银饰有限公司", "small", "潘玉铃"),
    EnterpriseRow("522600", "黔东南雾岚中药饮片有限公司", "medium", "石远志"),
    EnterpriseRow("522600", "黔东南杉屿木业有限公司", "small", "龙青杉"),
    EnterpriseRow("522700", "黔南芽间电子商务有限公司", "micro", "莫云帆"),
    EnterpriseRow("522700", "黔南剑纹纺织有限公司", "medium", "陆纬经"),
    EnterpriseRow("522700", "黔南瞰星光学仪器有限公司", "small", "蒙天和"),
    EnterpriseRow("520900", "贵安新区数屿软件有限公司", "small", "何代码"),
    EnterpriseRow("520900", "贵安新区青枢智能装备有限公司", "medium", "徐枢宁"),
    EnterpriseRow("520900", "贵安新区联栈供应链有限公司", "small", "孟长途"),
)
"""Thirty enterprises: three in each of the ten regions."""

INDIVIDUAL_BUSINESS = EnterpriseRow("520300", "遵义老巷米粉店（个体工商户）", "micro", "郑小满")
"""No independent legal person, hence never an enterprise of the scheme (A13(2))."""

REFUSED_ENTERPRISE = EnterpriseRow("522700", "黔南浮屿商贸有限公司", "micro", "江未然")
"""Its licence is cancelled, so the operator refuses its authentication."""

NEWCOMER = EnterpriseRow("520200", "六盘水织金谷食品有限公司", "small", "安可为")
"""It hands in for authentication today."""

PROVIDERS: tuple[ProviderRow, ...] = (
    ProviderRow("520900", "贵州云脊数据服务有限公司", "袁峻岭"),
    ProviderRow("520100", "贵阳磐盾网络安全技术有限公司", "冯守成"),
    ProviderRow("520300", "遵义枢衡工业软件有限公司", "宋制衡"),
    ProviderRow("520100", "贵州黔算数据科技有限公司", "唐思算"),
    ProviderRow("520600", "铜仁物语物联网络有限公司", "向万联"),
    ProviderRow("522700", "黔南码间软件服务有限公司", "邓一行"),
)

_COMPUTE = "弹性云服务器，按规格和时长计费，可在控制台随时升降配置，用量按小时出具明细。"
_STORE = "多副本对象存储，适合图纸、影像和备份资料，支持随时完整导出。"

PRODUCTS: tuple[ProductRow, ...] = (
    ProductRow(0, "云脊弹性云服务器", "compute", ("通用型4核8G/台·年/5200", "计算型8核16G/台·年/9800"), _COMPUTE),
    ProductRow(0, "云脊轻量应用主机", "compute", ("2核4G主机/台·年/1980",), "面向小微企业网站和轻量应用的云主机。"),
    ProductRow(0, "云脊对象存储", "storage", ("标准存储1TB/年/1450", "归档存储10TB/年/3600"), _STORE),
    ProductRow(0, "云脊云备份", "storage", ("整机备份/台·年/1200",), "定时整机备份，按恢复点保留，支持跨机房恢复。"),
    ProductRow(
        1, "磐盾云专线接入", "network", ("50M专线/条·年/12000", "固定IP/个·年/600"), "企业到云平台的独享带宽接入。"
    ),
    ProductRow(1, "磐盾弹性公网带宽", "network", ("10M公网带宽/年/4800",), "带宽档位可调，次日生效，含一个公网地址。"),
    ProductRow(
        1, "磐盾等保安全套餐", "security", ("等保二级套餐/年/16000",), "主机防护、日志审计和漏洞扫描的组合服务。"
    ),
    ProductRow(
        1, "磐盾网站防护", "security", ("网站应用防护/域名·年/3800",), "网页防篡改与应用层攻击防护，事件两小时内通报。"
    ),
    ProductRow(
        3,
        "黔算云数据库",
        "database",
        ("双机高可用版/实例·年/7200", "单机版/实例·年/3200"),
        "托管关系型数据库，每日备份，保存三十日。",
    ),
    ProductRow(
        0, "云脊数据仓库", "database", ("分析型数据仓库/实例·年/18000",), "汇集多业务系统数据，统一部署与管理。"
    ),
    ProductRow(
        3,
        "黔算经营分析平台",
        "big_data",
        ("标准版/年/15000", "增购用户/十人·年/2000"),
        "采集、清洗、分析和看板一体的经营分析服务。",
    ),
    ProductRow(3, "黔算舆情与市场洞察", "big_data", ("行业洞察/年/9600",), "公开市场资料的采集、分析与周报。"),
    ProductRow(
        4,
        "物语设备云",
        "iot",
        ("设备接入平台/百台·年/8800", "边缘网关/台/1500"),
        "生产设备和传感器上云，在线状态可视化管理。",
    ),
    ProductRow(4, "物语冷链温控云", "iot", ("冷链监测/车·年/1100",), "车辆与冷库温湿度在线监测与告警。"),
    ProductRow(5, "码间研发协同平台", "development", ("研发协同/十人·年/3600",), "需求、代码、测试、发布全过程管理。"),
    ProductRow(
        2,
        "枢衡云制造执行",
        "production",
        ("产线执行系统/产线·年/26000", "实施培训/次/4000"),
        "工单、物料、质量和设备的生产现场管理。",
    ),
    ProductRow(2, "枢衡进销存云", "production", ("进销存标准版/年/4200",), "采购、库存、销售与对账，支持手机开单。"),
    ProductRow(
        2, "枢衡云端三维设计", "research_design", ("三维设计席位/席·年/11000",), "在云端部署的三维设计与仿真环境。"
    ),
    ProductRow(5, "码间人事行政云", "other", ("人事行政套件/百人·年/5600",), "考勤、薪酬、审批和档案的在线管理。"),
    ProductRow(
        5, "码间定制小程序", "other", ("定制开发/项/20000",), "按需求说明和验收标准定制的企业小程序。", voucher=False
    ),
)
"""Twenty products over all eleven classes; the last one takes no vouchers."""
