"""Every business "no" about webhooks."""

from shared.kernel.refusals import Refusal, RefusalKind


class WebhookTargetRefused(Refusal):
    """The address is none that we call: not https, no public host name, or with parts that have no place there."""

    code = "webhook.target_refused"
    kind = RefusalKind.RULE
    zh = "该回调地址不可用：{reason}。须为加密传输的网址，主机为公网域名，不含用户信息和片段。"


class WebhookEndpointNotFound(Refusal):
    """There is no such endpoint of the caller."""

    code = "webhook.endpoint_not_found"
    kind = RefusalKind.NOT_FOUND
    zh = "未找到该回调端点。"


class WebhookDeliveryNotFound(Refusal):
    """There is no such delivery of the caller."""

    code = "webhook.delivery_not_found"
    kind = RefusalKind.NOT_FOUND
    zh = "未找到该投递记录。"


class WebhookHostNotFound(Refusal):
    """There is no such request for a host."""

    code = "webhook.host_not_found"
    kind = RefusalKind.NOT_FOUND
    zh = "未找到该回调域名申请。"


class WebhookEndpointsTooMany(Refusal):
    """A provider has a bounded number of endpoints."""

    code = "webhook.endpoints_too_many"
    kind = RefusalKind.STATE
    zh = "每个云服务商最多设置 {endpoints_max} 个回调端点。"


class WebhookEndpointNotActive(Refusal):
    """Nothing is delivered to an endpoint that is disabled."""

    code = "webhook.endpoint_not_active"
    kind = RefusalKind.STATE
    zh = "该回调端点已停用，请先启用。"


class WebhookDeliveryNotEnded(Refusal):
    """A delivery that is under way is not asked for again."""

    code = "webhook.delivery_not_ended"
    kind = RefusalKind.STATE
    momentary = True  # it ends by itself
    zh = "该投递仍在进行中。"


class WebhookDeliveryIsTest(Refusal):
    """A test has no event that could be delivered again."""

    code = "webhook.delivery_is_test"
    kind = RefusalKind.STATE
    zh = "测试投递不能重发，请重新发送测试。"


class WebhookSecretUnreadable(Refusal):
    """An envelope does not open: altered, moved from another record, or its key is no longer held."""

    code = "webhook.secret_unreadable"
    kind = RefusalKind.UNAVAILABLE
    zh = "加密信息无法读取，请联系系统运营方。"


class WebhookLaneFull(Refusal):
    """So much waits for the endpoint already that nothing more is asked for."""

    code = "webhook.lane_full"
    kind = RefusalKind.STATE
    momentary = True  # it empties by itself
    zh = "该回调端点待投递的事件过多，请稍后再试。"
