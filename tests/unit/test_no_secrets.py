"""Nothing that opens anything is in the repository: every tracked file is read for the forms that secrets have."""

import base64
import re
import secrets
import subprocess
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


def findings(text: str) -> list[str]:
    """Which forms of a secret a text holds."""
    found = []
    for what, form in FORMS.items():
        for match in form.finditer(text):
            value = match.groupdict().get("value") or match[0]
            if value not in MADE_UP and not WORDS.match(value):
                found.append(f"{what}: {value[:6]}...")
    return found


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
    "a signed token": f"eyJ{secrets.token_hex(12)}.eyJ{secrets.token_hex(12)}.{secrets.token_hex(24)}",
}


@pytest.mark.parametrize("what", PLANTED)
def test_a_planted_secret_is_found(what: str) -> None:
    assert findings(f"something before\n{PLANTED[what]}\n")


@pytest.mark.parametrize(
    "innocent",
    [
        "postgresql://order:{password}@db/order",
        "password: 'correct horse 7'",
        "POSTGRES_PASSWORD_FILE: /run/yunquan/password",
    ],
)
def test_what_is_no_secret_is_not(innocent: str) -> None:
    assert findings(innocent) == []
