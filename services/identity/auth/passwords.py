"""Passwords: the rule for choosing one, and Argon2id hashing that cannot starve the event loop."""

import asyncio
import secrets
import unicodedata
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from argon2 import PasswordHasher as Argon2Hasher
from argon2.exceptions import VerifyMismatchError
from argon2.low_level import Type

from shared.kernel.refusals import Refusal, RefusalKind, invariant

T = TypeVar("T")

LENGTH_MIN: Final = 10
LENGTH_MAX: Final = 128
# The floor of ASVS and of the OWASP password storage sheet: 19 MiB, two passes, one lane.
MEMORY_KIB: Final = 19 * 1024
PASSES: Final = 2

# Well-known and easily guessed passwords that are long enough to pass the length rule.
_COMMON_TEXT: Final = """
1234567890 12345678910 123456789a 1234567891 0123456789 0987654321 9876543210 1111111111 0000000000
1122334455 1234512345 1029384756 147258369a 1472583690 5555555555 8888888888 6666666666 9999999999
123123123123 123456123456 1234567890123 123456789012 12345678900 1357924680 2468013579 11223344556677
112233445566 a123456789 aa123456789 aa12345678 aaa123456789 abc1234567 abc123456789 abcd123456
abcd1234567 abcd12345678 abcdefghij abcdefghijk abcdef123456 a1b2c3d4e5 a1234567890 q123456789
qq123456789 w123456789 z123456789 woaini1314 woaini1314520 woaini5201314 woaini123456 5201314520
5201314woaini 1314520520 iloveyou123 iloveyou1314 iloveyou12 iloveyou520 qwertyuiop qwertyuiop123
qwerty12345 qwerty123456 qwerty1234 qwerty123456789 1qaz2wsx3edc 1qaz2wsx3e 1q2w3e4r5t 1q2w3e4r5t6y
1q2w3e4r5t6y7u q1w2e3r4t5 q1w2e3r4t5y6 qazwsxedc123 qazwsxedcrfv zaq12wsxcde3 zxcvbnm123 zxcvbnm123456
zxcvbnm1234 asdfghjkl123 asdfghjkl1 asdfghjkl; asdf123456 asdfasdfasdf qweasdzxc123 qwe123456789
1234qwerasdf qwer12345678 1234567qwertyu !qaz2wsx3edc !qaz@wsx#edc 1qaz@wsx3edc !@#$%^&*() !@#$%^&*()_+
password12 password123 password1234 password12345 password123456 password1! password123! passw0rd123
p@ssw0rd123 p@ssword123 p@ssw0rd1234 p@ssw0rd!@# passwordpassword mypassword123 admin12345 admin123456
admin@123456 admin123456789 administrator admin@12345 adminadmin root123456 root@123456 test123456
test1234567 testtest123 guest12345 welcome123 welcome1234 welcome@123 changeme123 letmein123 letmein1234
monkey1234 dragon1234 dragon123456 superman123 football123 baseball123 princess123 sunshine123
computer123 internet123 liverpool123 chelsea123 whatever123 trustno1234 master123456 huawei@123
huawei12#$ huawei123456 admin@huawei.com changeme_123 cisco12345 company123 default123 oracle1234
mysql123456 postgres123 postgrespostgres rabbitmq123 guizhou123 guizhou123456 guiyang123 guiyang123456
yunquan123 yunquan123456 yunquan2018 guizhou2018 china123456 zhongguo123 beijing123 beijing2008
shanghai123 wang123456 zhang123456 liu123456789 chen123456 li123456789 yang123456 zhao123456
woaizhongguo woaiwojia520 nihao123456 nihao12345 mima123456 mima12345678 wodemima123 xiaoming123
"""
_COMMON_PASSWORDS: Final = frozenset(_COMMON_TEXT.split())


class PasswordTooShort(Refusal):
    """The password has fewer characters than the rule asks for. Source: ASVS 6.2.1."""

    code = "auth.password_too_short"
    kind = RefusalKind.RULE
    zh = "密码过短：至少需要 {length_min} 个字符。"


class PasswordTooLong(Refusal):
    """The password has more characters than the rule allows. Source: ASVS 6.2.9."""

    code = "auth.password_too_long"
    kind = RefusalKind.RULE
    zh = "密码过长：最多 {length_max} 个字符。"


class PasswordTooCommon(Refusal):
    """The password is a common or breached one, or begins with the login name. Source: ASVS 6.2.4."""

    code = "auth.password_too_common"
    kind = RefusalKind.RULE
    zh = "该密码过于常见或与账号相近，容易被猜到，请更换。"


class LoginsBusy(Refusal):
    """More passwords wait to be checked than the bound allows; the caller may try again."""

    code = "auth.logins_busy"
    kind = RefusalKind.UNAVAILABLE
    zh = "当前登录人数较多，请稍后重试。"


def check_password_rule(password: str, *, login_name: str) -> None:
    """Accept a new password or say why not; 10..128 characters, none of the common ones.

    Raises: PasswordTooShort, PasswordTooLong, PasswordTooCommon.
    """
    if len(password) > LENGTH_MAX:
        raise PasswordTooLong(length_max=LENGTH_MAX)
    if len(_normal(password)) < LENGTH_MIN:
        raise PasswordTooShort(length_min=LENGTH_MIN)
    folded = _normal(password).casefold()
    name = login_name.casefold()
    if folded in _COMMON_PASSWORDS or len(set(folded)) < 4 or (len(name) >= 4 and folded.startswith(name)):
        raise PasswordTooCommon


class Passwords:
    """Argon2id hashing on its own threads.

    `threads` bounds how many hashes run at once and `waiting_max` how many may wait, so a flood of logins
    neither blocks the event loop nor piles up memory (each running hash takes `memory_kib`). Nobody, named by `of`,
    takes more than a quarter of that room. Close it when the host stops. Raises: Bug for `waiting_max` below `threads`.
    """

    def __init__(
        self, *, threads: int = 2, waiting_max: int = 64, memory_kib: int = MEMORY_KIB, passes: int = PASSES
    ) -> None:
        invariant(waiting_max >= threads, "as many may wait as there are threads")
        self._argon2 = Argon2Hasher(time_cost=passes, memory_cost=memory_kib, parallelism=1, type=Type.ID)
        self._threads = ThreadPoolExecutor(max_workers=threads, thread_name_prefix="password")
        self._waiting_max = waiting_max
        self._waiting_of_one_max = max(waiting_max // 4, 1)
        self._waiting: Counter[str] = Counter()
        # Nobody knows this password; checking it costs an unknown user as much as a known one.
        self._dummy_hash = self._argon2.hash(secrets.token_hex(16))

    async def hash(self, password: str, *, of: str = "") -> str:
        """The encoded Argon2id hash of a password, with its own salt. Raises: LoginsBusy."""
        return await self._bounded(lambda: self._argon2.hash(_normal(password)), of)

    async def verify(self, password: str, *, password_hash: str | None, of: str = "") -> bool:
        """Whether the password fits; `password_hash` is None for an unknown user, who costs the same.

        Raises: LoginsBusy.
        """
        compared = self._dummy_hash if password_hash is None else password_hash
        fits = await self._bounded(lambda: self._fits(password, password_hash=compared), of)
        return fits and password_hash is not None

    def needs_rehash(self, password_hash: str) -> bool:
        """Whether the hash was made with other parameters than today's; ask after a successful login."""
        return self._argon2.check_needs_rehash(password_hash)

    def close(self) -> None:
        """Let running hashes finish, drop the waiting ones and give the threads back."""
        self._threads.shutdown(wait=True, cancel_futures=True)

    def _fits(self, password: str, *, password_hash: str) -> bool:
        try:
            return self._argon2.verify(password_hash, _normal(password))
        except VerifyMismatchError:
            return False

    async def _bounded(self, call: Callable[[], T], of: str) -> T:
        crowded = of and self._waiting[of] >= self._waiting_of_one_max
        if crowded or self._waiting.total() >= self._waiting_max:
            raise LoginsBusy
        self._waiting[of] += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, call)
        finally:
            self._waiting[of] -= 1
            if not self._waiting[of]:
                del self._waiting[of]


def _normal(password: str) -> str:
    """One spelling for what looks the same, so that another keyboard does not lock its owner out."""
    return unicodedata.normalize("NFKC", password)
