"""Which addresses webhooks may be sent to: no spelling of an inner address, and no name that stands for one."""

import asyncio
from collections.abc import Sequence
from ipaddress import ip_address

import pytest

from services.order.domain.webhook_refusals import WebhookTargetRefused
from services.order.webhooks.targets import AddressRefused, check_target, checked_addresses, is_public

SPELLINGS = tuple(
    """
    https://127.0.0.1/ https://127.1/ https://127.0.1/ https://2130706433/ https://0x7f000001/ https://0x7f.0.0.1/
    https://0177.0.0.1/ https://017700000001/ https://127.0.0.1./ https://127.0.0.0x1/ https://1.1/ https://0/
    https://0.0.0.0/ https://[::1]/ https://[::]/ https://[::ffff:127.0.0.1]/ https://[::ffff:7f00:1]/
    https://[0:0:0:0:0:0:0:1]/ https://[::127.0.0.1]/ https://[64:ff9b::7f00:1]/ https://[2002:7f00:1::]/
    https://[fe80::1]/ https://[fe80::1%25eth0]/ https://[fd00:ec2::254]/ https://[fc00::1]/ https://[ff02::1]/
    https://[2001:db8::1]/ https://[2606:4700::1111]/ https://169.254.169.254/latest/meta-data https://2852039166/
    https://0xa9fea9fe/ https://0251.0376.0251.0376/ https://169.254.43518/ https://10.0.0.1/ https://172.16.0.1/
    https://192.168.0.1/ https://100.100.100.200/ https://168.63.129.16/ https://8.8.8.8/ https://255.255.255.255/
    https://224.0.0.1/ https://localhost/ https://localhost./ https://LOCALHOST/ https://localhost.localdomain./
    https://foo.localhost/ https://voucher/ https://postgresql/ https://order.yunquan.svc/
    https://order.yunquan.svc.cluster.local/ https://metadata.google.internal/ https://printer.local/
    https://intranet/ https://router.lan/ https://box.home/ https://\u2460\u2461\u2466.0.0.1/
    https://127\u30020\u30020\u30021/ https://\uff11\uff12\uff17.0.0.1/ https://ex\xe4mple.com/
    https://user@example.com/ https://user:pw@example.com/ https://example.com@127.0.0.1/
    https://127.0.0.1#@example.com/ https://example.com#fragment https://example.com\\@127.0.0.1/
    https:\\\\example.com/ https:///example.com/ https:// http://example.com/ ftp://example.com/ file:///etc/passwd
    gopher://example.com/ javascript:alert(1) //example.com/ https:example.com https://example.com:22/
    https://example.com:25/ https://example.com:0/ https://example.com:99999/ https://example.com:/
    https://example.com:+443/ https://example.com:4\u0664\u0663/ https://-a.com/ https://a_b.com/ https://a..com/
    https://example.c0m.1/ https://example.com.127/ https://.example.com/ https://%31%32%37.0.0.1/
    https://ex%61mple.com/
    """.split()  # noqa: SIM905 - ninety of them are read more easily so
)
# With blanks, line ends or characters that nobody sees within them.
ODD = (
    "https://example.com/\r\nHost:x",
    "https://example.com/\tx",
    "https://example.com/ x",
    " https://example.com/",
    "https://exa\x00mple.com/",
    "https://exam\u00adple.com/",
    "https://exam\u200bple.com/",
    "https://example.com/\U0001f600",
    "",
)
GOOD = (
    "https://hooks.example.com/",
    "https://hooks.example.com",
    "https://HOOKS.example.com/a/b?c=d&e=%20",
    "https://xn--fiq228c.xn--fiqs8s/hooks",
    "https://example.com:8443/x",
    "https://1a.2b.example.cn/",
)
INNER = [
    "0.0.0.0",  # noqa: S104 - nothing is bound to it
    "0.1.2.3",
    "10.0.0.1",
    "10.255.255.255",
    "100.64.0.1",
    "100.127.255.255",
    "127.0.0.1",
    "127.255.255.254",
    "169.254.0.1",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.1",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "168.63.129.16",
    "100.100.100.200",
    "::",
    "::1",
    "::ffff:10.0.0.1",
    "::ffff:8.8.8.8",
    "::8.8.8.8",
    "64:ff9b::a00:1",
    "64:ff9b::808:808",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:20::1",
    "2001:db8::1",
    "2002:a00:1::",
    "2002:808:808::",
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fec0::1",
    "ff02::1",
    "4000::1",
]
OUTER = [
    "8.8.8.8",
    "1.1.1.1",
    "172.15.255.255",
    "172.32.0.1",
    "100.63.255.255",
    "100.128.0.1",
    "2606:4700::1111",
    "240e:1::1",
    "2400:3200::1",
]


def test_no_spelling_of_an_inner_address_and_no_odd_form_is_a_target() -> None:
    assert len(SPELLINGS) >= 90
    assert [url for url in (*SPELLINGS, *ODD) if _is_target(url)] == []


def _is_target(url: str) -> bool:
    try:
        check_target(url)
    except WebhookTargetRefused:
        return False
    return True


@pytest.mark.parametrize("url", GOOD)
def test_a_public_name_is_a_target(url: str) -> None:
    target = check_target(url)
    assert target.host == target.host.lower()
    assert target.port in {443, 8443}


def test_a_url_over_its_bound_is_no_target() -> None:
    with pytest.raises(WebhookTargetRefused):
        check_target("https://example.com/" + "a" * 500)


def test_only_addresses_of_the_open_internet_are_called() -> None:
    assert [text for text in INNER if is_public(ip_address(text))] == []
    assert [text for text in OUTER if not is_public(ip_address(text))] == []


def _addresses(*found: str, local: bool = False) -> Sequence[str]:
    async def resolve(host: str, port: int) -> Sequence[str]:
        del host, port
        return found

    return asyncio.run(checked_addresses("example.com", 443, resolve=resolve, local=local))


def test_one_inner_address_among_many_refuses_the_name() -> None:
    assert _addresses("8.8.8.8", "2606:4700::1111") == ("8.8.8.8", "2606:4700::1111")
    for inner in ("127.0.0.1", "::ffff:10.0.0.1", "fe80::1%eth0", "none"):
        with pytest.raises(AddressRefused):
            _addresses("8.8.8.8", inner)
    with pytest.raises(AddressRefused):
        _addresses()


def test_a_demonstration_may_call_its_own_machine_and_no_other_inner_one() -> None:
    assert check_target("http://127.0.0.1:9000/x", local=True).port == 9000
    assert _addresses("127.0.0.1", local=True) == ("127.0.0.1",)
    with pytest.raises(AddressRefused):
        _addresses("10.0.0.1", local=True)


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/h", "http://localhost:9/h", "https://[::1]/h"])
def test_where_it_is_tried_out_this_machine_may_be_called(url: str) -> None:
    assert check_target(url, local=True).url == url


@pytest.mark.parametrize("url", ["https://169.254.169.254/latest", "https://10.0.0.1/h", "http://[fd00::1]/h"])
def test_where_it_is_tried_out_no_other_inner_address_is_taken(url: str) -> None:
    with pytest.raises(WebhookTargetRefused):
        check_target(url, local=True)
