"""Nothing that opens anything is in the repository: every tracked file is read for the forms that secrets have."""

import base64
import math
import re
import secrets
import subprocess
from collections import Counter
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
FORMS = {
    "a private key": re.compile(r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----"),
    "a token of a code host": re.compile(r"\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_\w{40,}|glpat-[\w-]{20,})"),
    "a token of a package registry": re.compile(r"\b(?:pypi-AgE[\w-]{50,}|npm_[A-Za-z0-9]{36})"),
    "a key of a cloud": re.compile(r"\b(?:AKIA|ASIA|LTAI)[A-Z0-9]{16,20}\b|\bAIza[\w-]{35}"),
    "a token of a chat": re.compile(r"\bxox[baprs]-[A-Za-z0-9-]{20,}"),
    "a signed token": re.compile(r"\beyJ[\w-]{20,}\.eyJ[\w-]{20,}\.[\w-]{40,}"),
    "a URL with a password": re.compile(
        r"\b(?:postgres(?:ql)?|amqps?|https?|redis|mysql)://[\w.~-]+:(?P<value>[^\s:@/'\"{}<>$]{8,})@"
    ),
    "a password, key or token that is given a value": re.compile(
        r"(?i)\b\w*(?:password|passwd|secret|api_?key|access_?key|_token|encryption_key|index_key)\w*['\"]?"
        r"\s*[:=]\s*['\"]?(?P<value>(?=[A-Za-z0-9+/_-]*\d)(?=[A-Za-z0-9+/_-]*[A-Za-z])[A-Za-z0-9+/_-]{24,}={0,2})"
    ),
}
MADE_UP = {
    # Passwords and keys of made-up people and of tests, which open nothing anywhere else.
    "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
}
RANDOM = re.compile(r"(?<![\w+/=-])(?=[\w+/-]*\d)(?=[\w+/-]*[A-Za-z])[A-Za-z0-9+/_-]{32,}={0,2}(?![\w+/=-])")
UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
HEXADECIMAL = re.compile(r"[0-9a-fA-F-]+")
BITS = {True: 3.0, False: 4.5}
"""Bits a character from which a long value looks random, by whether it is hexadecimal; names and words have fewer."""

NO_SECRET = {
    "9b98bb640afb610dab530b9afab07bdd0527df1c4e1045cf0a0c07a3db6428f4": "the digest of an image that the overlays name",
    "0123456789ABCDEFGHJKMNPQRSTVWXYZ": "the alphabet of order numbers: Crockford's base 32",
    "0123456789abcdef0123456789abcdef": "the key of containers that live as long as a test",
    "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo": "the public key of the example of RFC 8037, A.3",
    "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k": "its thumbprint, there",
    "4bf92f3577b34da6a3ce929d0e0e4736": "the trace of the W3C's own example",
    "0af7651916cd43dd8448eb211c80319c": "as above",
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_": "the alphabet of base 64",
    "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01": "as above",
    "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00": "as above",
}
"""What looks random and opens nothing, each with its reason."""

WORDS = re.compile(r"^(?:[a-z]+|[A-Z]+)(?:[-_/](?:[a-z]+|[A-Z]+|\d{1,4}))+$")
"""Several words, as a name has; a random value is none of these."""


def tracked() -> list[Path]:
    """Every file of the repository."""
    done = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],  # noqa: S607 - wherever it is installed
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return [CHECKOUT / name for name in done.stdout.split("\0") if name]


def bits_of(text: str) -> float:
    """The entropy of a text's characters."""
    return -sum(number / len(text) * math.log2(number / len(text)) for number in Counter(text).values())


def random_values(text: str) -> list[str]:
    """Long values that look as if a machine had drawn them."""
    values = [match[0] for match in RANDOM.finditer(text)]
    return [
        value
        for value in values
        if not UUID.fullmatch(value)
        and not WORDS.match(value)
        and bits_of(value) >= BITS[HEXADECIMAL.fullmatch(value) is not None]
    ]


def findings(text: str) -> list[str]:
    """Which forms of a secret a text holds."""
    found = []
    for what, form in FORMS.items():
        for match in form.finditer(text):
            value = match.groupdict().get("value") or match[0]
            if value not in MADE_UP and not WORDS.match(value):
                found.append(f"{what}: {value[:6]}...")
    allowed = MADE_UP | NO_SECRET.keys()
    return found + [f"a random value: {value[:6]}..." for value in random_values(text) if value not in allowed]


def test_no_file_of_the_repository_holds_a_secret() -> None:
    found = []
    for file in tracked():
        if not file.is_file() or file == Path(__file__) or file.parent.name == "requirements":
            continue
        try:
            text = file.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        found += [f"{file.relative_to(CHECKOUT)}: {what}" for what in findings(text)]

    assert not found


# Made anew for each run, so that no scanner finds them here; only the names are the same in every worker.
PLANTED = {
    "a private key": "-----BEGIN PRIVATE KEY-----",
    "an RSA key": "-----BEGIN RSA PRIVATE KEY-----",
    "a token of a code host": f"ghp_{secrets.token_hex(20)}",
    "a key of a cloud": f"AKIA{secrets.token_hex(8).upper()}",
    "a token of a chat": f"xoxb-{secrets.token_hex(12)}",
    "a URL": f"postgresql://order:{secrets.token_hex(8)}@db:5432/order",
    "a variable": f"IDENTITY_ENCRYPTION_KEY={base64.b64encode(b'0' + secrets.token_bytes(31)).decode()}a1",
    "a field": f'"password": "{secrets.token_hex(16)}a1"',
    "a bare key": base64.b64encode(b"0" + secrets.token_bytes(47)).decode() + "a1",
    "a bare number": secrets.token_hex(32) + "a1b2c3d4e5f60718293a4b5c6d7e8f90",
    "a signed token": f"eyJ{secrets.token_hex(12)}.eyJ{secrets.token_hex(12)}.{secrets.token_hex(24)}",
}


@pytest.mark.parametrize("what", PLANTED)
def test_a_planted_secret_is_found(what: str) -> None:
    assert findings(f"something before\n{PLANTED[what]}\n")


def test_every_exception_is_still_there() -> None:
    texts = [
        file.read_text(encoding="utf-8", errors="replace")
        for file in tracked()
        if file.is_file() and file != Path(__file__) and file.parent.name != "requirements"
    ]
    assert [value for value in sorted(MADE_UP | NO_SECRET.keys()) if not any(value in text for text in texts)] == []


@pytest.mark.parametrize(
    "innocent",
    [
        "postgresql://order:{password}@db/order",
        "password: 'correct horse 7'",
        "POSTGRES_PASSWORD_FILE: /run/yunquan/password",
        "01900000-0000-7000-8000-000000000001",
        "test_a_refused_version_leaves_the_key_free_for_the_version_that_was_read_2_times",
    ],
)
def test_what_is_no_secret_is_not(innocent: str) -> None:
    assert findings(innocent) == []
