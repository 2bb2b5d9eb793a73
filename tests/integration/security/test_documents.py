"""Every operation of every service does what its OpenAPI document says of keys, headers, queries and fields."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from shared.contracts.permissions import GRANTS, Role
from shared.runtime.validation.headers import ONCE
from shared.runtime.validation.media_types import JSON_TYPES
from tests.integration.security.platform_fixture import NAMES, Estate, Operation
from tests.integration.security.schemas import NOBODY, body_schema, fields, replaced, resolved, sample

pytestmark = pytest.mark.asyncio(loop_scope="session")

WHERE_JSON = {"Content-Type": "application/json"}
VALUES = {"party": "enterprise", "kind": "invoice", "year": 2030}


def described(estate: Estate) -> Iterator[tuple[Operation, dict[str, Any]]]:
    """Every operation with what its document says."""
    for operation in estate.operations:
        found = estate.documents[operation.service]["paths"].get(operation.path)
        if found is not None:
            yield operation, found[operation.method.lower()]


OAUTH = frozenset({"identity POST /token"})
"""It takes a form and refuses in the words of RFC 6749, 5.2, as clients of OAuth expect (ADR 0034)."""


def speaking_problems(estate: Estate) -> Iterator[tuple[Operation, dict[str, Any]]]:
    """Every operation that takes JSON and refuses with a problem, with what its document says."""
    yield from ((operation, said) for operation, said in described(estate) if operation.title not in OAUTH)


def role_for(operation: Operation) -> Role | None:
    """Somebody who is let in; nobody where no permission is asked."""
    for role in Role:
        if operation.permissions and operation.permissions & GRANTS[role]:
            return role
    return Role.AUDITOR if operation.signed_in else None


def declared(description: dict[str, Any], place: str) -> dict[str, bool]:
    """The parameters of a place (`header`, `query`), and which are required."""
    return {each["name"]: each["required"] for each in description.get("parameters", ()) if each["in"] == place}


async def send(estate: Estate, operation: Operation, **others: Any) -> httpx.Response:
    """A well-formed request of somebody who may, on ids that nobody has."""
    names = [part.strip("{}") for part in operation.path.split("/") if part.startswith("{")]
    values = {**VALUES, **others.pop("values", {})}
    url = operation.url({name: values.get(name, NOBODY) for name in names})
    document = estate.documents[operation.service]
    schema = body_schema(document, method=operation.method, path=operation.path)
    if schema is not None and "content" not in others:
        # The clock of this platform is left where it is.
        others["body"] = {"now": None} if operation.path == "/test-clock" else sample(schema, document)
    headers = {"If-Match": '"1"', **others.pop("headers", {})}
    return await estate.call(operation.method, url, role=role_for(operation), headers=headers, **others)


def malformed(answer: httpx.Response) -> bool:
    """Whether a request was refused for its form."""
    return answer.status_code == 400 and answer.json()["code"] == "request.malformed"


async def test_a_key_is_demanded_where_it_is_declared_and_nowhere_else(estate: Estate) -> None:
    wrong: list[str] = []
    demanded = 0
    for operation, description in speaking_problems(estate):
        answer = await send(estate, operation, headers={"Idempotency-Key": ""})
        refused = answer.status_code == 400 and answer.json()["code"] == "idempotency.key_missing"
        demanded += refused
        if refused != declared(description, "header").get("Idempotency-Key", False):
            wrong.append(f"{operation.title}: {answer.status_code} {answer.text[:100]}")
    assert wrong == []
    assert demanded > 60


@pytest.mark.parametrize(("header", "value"), [("If-Match", '"²"'), ("Prefer", "wait=²")])
async def test_a_header_is_read_where_it_is_declared_and_nowhere_else(estate: Estate, header: str, value: str) -> None:
    wrong: list[str] = []
    for operation, description in speaking_problems(estate):
        answer = await send(estate, operation, headers={header: value.encode("latin-1")})
        refused = malformed(answer) and header in answer.json()["detail"]
        if refused != (header in declared(description, "header")):
            wrong.append(f"{operation.title}: {answer.status_code} {answer.text[:100]}")
    assert wrong == []


async def test_a_header_of_which_there_is_one_is_refused_by_every_operation_when_it_comes_twice(
    estate: Estate,
) -> None:
    """ADR 0016, RFC 9110, 5.3: neither of two keys, tokens, versions or types is guessed to be the one."""
    wrong: list[str] = []
    for operation, _ in described(estate):
        for name in sorted(name.decode() for name in ONCE):
            twice = [(name, "application/json"), (name, "application/json; charset=utf-8")]
            answer = await send(estate, operation, repeated=twice)
            if not malformed(answer) or "只能出现一次" not in answer.json()["detail"]:
                wrong.append(f"{operation.title} {name}: {answer.status_code} {answer.text[:100]}")
        answer = await send(estate, operation, repeated=[("X-Forwarded-For", "10.0.0.1"), ("X-Forwarded-For", "::1")])
        if "只能出现一次" in answer.text:
            wrong.append(f"{operation.title}: {answer.text[:100]}")
    assert wrong == []


VERSIONS = {'"1"': True, "1": True, 'W/"1"': True, "*": False, '"a"': False, "": False}
READ_BEFORE = {
    "catalog PUT /products/{product_id}",
    "identity PUT /clients/{client_id}",
    "order PUT /webhook-endpoints/{endpoint_id}",
}
"""Where a request replaces what its sender must have read; acts check If-Match when it is given (ADR 0016)."""


async def test_hot_and_cold_acts_take_if_match_when_it_is_given_and_replacements_demand_it(estate: Estate) -> None:
    wrong: list[str] = []
    required: set[str] = set()
    for operation, description in described(estate):
        found = declared(description, "header").get("If-Match")
        if found:
            required.add(operation.title)
        if found is None:
            continue
        for version, taken in VERSIONS.items():
            answer = await send(estate, operation, headers={"If-Match": version})
            if (malformed(answer) and "If-Match" in answer.json()["detail"]) == taken:
                wrong.append(f"{operation.title} {version}: {answer.status_code} {answer.text[:100]}")
    assert wrong == []
    assert required == READ_BEFORE


async def test_a_version_is_demanded_where_it_is_declared_as_required(estate: Estate) -> None:
    for operation, description in described(estate):
        if declared(description, "header").get("If-Match"):
            names = [part.strip("{}") for part in operation.path.split("/") if part.startswith("{")]
            schema = body_schema(estate.documents[operation.service], method=operation.method, path=operation.path)
            answer = await estate.call(
                operation.method,
                operation.url(dict.fromkeys(names, NOBODY)),
                sample(schema or {}, estate.documents[operation.service]),
                role=role_for(operation),
            )
            assert (answer.status_code, answer.json()["code"]) == (428, "request.version_required"), operation.title


async def test_a_query_parameter_that_is_not_declared_is_refused_by_name(estate: Estate) -> None:
    wrong: list[str] = []
    for operation, description in described(estate):
        assert "unheard_of" not in declared(description, "query")
        answer = await send(estate, operation, params={"unheard_of": "1"})
        if not malformed(answer) or "unheard_of" not in answer.json()["detail"]:
            wrong.append(f"{operation.title}: {answer.status_code} {answer.text[:100]}")
        for name in declared(description, "query"):
            answer = await send(estate, operation, params={name: "1"})
            if "不支持的查询参数" in answer.text:
                wrong.append(f"{operation.title}?{name}: {answer.status_code} {answer.text[:100]}")
    assert wrong == []


async def test_every_problem_says_which_request_it_answers_and_every_document_says_so(estate: Estate) -> None:
    wrong: list[str] = []
    for operation, description in speaking_problems(estate):
        problem = description["responses"]["default"]["content"]["application/problem+json"]["schema"]
        assert problem == {"$ref": "#/components/schemas/Problem"}, operation.title
        answer = await send(estate, operation)
        if answer.status_code < 400:
            continue
        body = answer.json()
        if body.get("request_id") != answer.headers["Request-Id"] or body.get("instance") != answer.request.url.path:
            wrong.append(f"{operation.title}: {answer.text[:200]}")
    assert wrong == []


async def test_a_token_is_demanded_where_the_document_does_not_waive_it(estate: Estate) -> None:
    for operation, description in described(estate):
        waived = description.get("security") == []
        assert waived == (role_for(operation) is None and not operation.signed_in), operation.title


TAKEN = (
    *("application/json", "APPLICATION/JSON", "application/json; charset=utf-8", 'application/json;charset="UTF-8"'),
    *("application/vnd.yunquan.v1+json", "application/merge-patch+json; charset=utf-8", " application/json ;"),
)
NOT_TAKEN = (
    *(None, "text/plain", "text/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=a", "*/*"),
    *(
        "application/json; charset=gbk",
        "application/json; charset=utf-16",
        "application/jsonx",
        "json",
        "application/+json",
    ),
    *("application/octet-stream", "application/json, text/plain", "image/svg+xml"),
)


async def test_hot_and_cold_operations_take_json_under_the_same_media_types(estate: Estate) -> None:
    """ADR 0016: a body says that it is JSON in UTF-8, or it is not read; an empty one needs no type."""
    running = estate.platform.host.runtimes
    hot = {(each.service.name, route.method, route.path) for each in running for route in each.service.hot_routes}
    told: dict[bool, set[tuple[str | None, bool]]] = {True: set(), False: set()}
    wrong: list[str] = []
    for operation, description in speaking_problems(estate):
        content = description.get("requestBody", {}).get("content", {})
        if operation.is_upload or not content:
            continue
        assert tuple(content) == JSON_TYPES, operation.title
        document = estate.documents[operation.service]
        schema = body_schema(document, method=operation.method, path=operation.path)
        assert schema is not None
        whole = {"now": None} if operation.path == "/test-clock" else sample(schema, document)
        for media_type in (*TAKEN, *NOT_TAKEN):
            headers = {} if media_type is None else {"Content-Type": media_type}
            answer = await send(estate, operation, content=json.dumps(whole).encode(), headers=headers)
            refused = answer.status_code == 415 and answer.json()["code"] == "request.media_type_unsupported"
            told[(operation.service, operation.method, operation.path) in hot].add((media_type, refused))
            if refused != (media_type in NOT_TAKEN):
                wrong.append(f"{operation.title} {media_type}: {answer.status_code} {answer.text[:80]}")
        answer = await send(estate, operation, content=b"")
        missing = malformed(answer)
        if answer.status_code == 415 or missing != description["requestBody"].get("required", False):
            wrong.append(f"{operation.title} empty: {answer.status_code} {answer.text[:80]}")
    assert wrong == []
    assert told[True] == told[False] == {(each, each in NOT_TAKEN) for each in (*TAKEN, *NOT_TAKEN)}


def misshapen(whole: dict[str, Any]) -> Iterator[tuple[str, bytes]]:
    """A body that is right in itself, in forms that only some parsers take."""
    text = json.dumps(whole, ensure_ascii=False)
    yield "UTF-16", text.encode("utf-16-le")
    yield "UTF-32", text.encode("utf-32-le")
    yield "byte order mark", b"\xef\xbb\xbf" + text.encode()
    yield "Latin-1", b'{"\xe9":1,' + text[1:].encode()
    if whole:
        name, value = next(iter(whole.items()))
        again = f"{text[:-1]},{json.dumps(name)}:{json.dumps(value)}}}"
        yield "a name twice", again.encode()
        yield (
            "a name twice, written in two ways",
            again.replace(f',"{name}":', f',"\\u{ord(name[0]):04x}{name[1:]}":').encode(),
        )
        for number in ("NaN", "Infinity", "-Infinity"):
            yield number, json.dumps({**whole, name: "NUMBER"}).replace('"NUMBER"', number).encode()


async def test_json_has_one_form_on_hot_and_cold_operations(estate: Estate) -> None:
    """RFC 8259, 4, 6 and 8.1: UTF-8 without a mark, no NaN, no name twice in an object."""
    wrong: list[str] = []
    for operation, description in speaking_problems(estate):
        content = description.get("requestBody", {}).get("content", {})
        if operation.is_upload or not content:
            continue
        document = estate.documents[operation.service]
        schema = body_schema(document, method=operation.method, path=operation.path)
        whole = {"now": None} if operation.path == "/test-clock" else sample(schema or {}, document)
        for said, body in misshapen(whole):
            answer = await send(estate, operation, content=body, headers=WHERE_JSON)
            if not malformed(answer):
                wrong.append(f"{operation.title} {said}: {answer.status_code} {answer.text[:80]}")
    assert wrong == []


HISTORY = frozenset(
    {"id", "at", "source", "name", "subject_type", "subject_id", "role", "rule", "ground", "before", "after"}
    | {"pack_version", "version", "account_id"}
)


@pytest.mark.requirement("R7")
async def test_every_history_is_paged_and_has_one_form_in_every_service(estate: Estate) -> None:
    """Auditors read five services: when, what, on what ground, by which rule, from what to what, and who."""
    found: dict[str, set[str]] = {}
    for operation, description in described(estate):
        if not operation.path.endswith("/history"):
            continue
        assert set(declared(description, "query")) == {"limit", "cursor"}, operation.title
        document = estate.documents[operation.service]
        page = resolved(description["responses"]["200"]["content"]["application/json"]["schema"], document)
        assert set(page["properties"]) == {"data", "has_more", "next_cursor"}, operation.title
        item = resolved(page["properties"]["data"]["items"], document)
        assert set(item["properties"]) >= HISTORY, operation.title
        found.setdefault(operation.service, set()).add(operation.path)
    assert set(found) == set(NAMES)
    assert len(found["settlement"]) == 3


async def test_a_query_parameter_comes_once_and_a_number_in_an_address_has_one_form(estate: Estate) -> None:
    """ADR 0016, nothing is guessed: no last one wins, 2026.0 is no year, and no NUL is a text."""
    wrong: list[str] = []
    tried = 0
    for operation, description in described(estate):
        for parameter in description.get("parameters", ()):
            name, schema = parameter["name"], parameter["schema"]
            kinds = {each.get("type") for each in (schema, *schema.get("anyOf", ()))}
            numbers = ("2026.0", "02026", "2_026", "+2026", " 2026", "\u0662") if "integer" in kinds else ()
            queries: list[Any] = []
            if parameter["in"] == "query":
                queries = [{name: number} for number in (*numbers, "\x00")]
                queries += [] if "array" in kinds else [[(name, "2"), (name, "2")]]
            answers = [(query, await send(estate, operation, params=query, content=b"")) for query in queries]
            if parameter["in"] == "path":
                answers = [(text, await send(estate, operation, values={name: quote(text)})) for text in numbers]
            for asked, answer in answers:
                tried += 1
                if not malformed(answer):
                    wrong.append(f"{operation.title} {name} {asked!r}: {answer.status_code} {answer.text[:80]}")
    assert wrong == []
    assert tried > 100


HOSTILE: dict[str, tuple[str, ...]] = {
    "date-time": (
        *("0", "1767574800", "1767574800.5", "1e400", "true", '"1767574800"', '"2026-01-05"', '"2026-01-05T09:00:00"'),
        *('"9999-12-31T23:59:59Z"', '"9999-12-31T23:59:59-23:59"', '"0001-01-01T00:00:00+23:59"'),
    ),
    "date": ("0", "20458", "1767574800", "1e400", "true", '"20458"', '"20260105"', '"9999-12-31"', '"0001-01-01"'),
    "integer": ("true", '"1"', '"²"', "1.0", "1.5", "1e400", "-1e400", "1" + "0" * 5_000, "1" + "0" * 400, "[1]"),
    "boolean": ("1", "0", '"true"', '"yes"', "1.0", "[]"),
}
ANYWHERE = (
    *(
        '"\\u0000"',
        '"\\ud800"',
        '"²"',
        '"٣"',
        "1e400",
        "-0",
        "NaN",
        "Infinity",
        "1" + "0" * 400,
        "null",
        '"9999-12-31"',
    ),
    *("[" * depth + "]" * depth for depth in (60, 500, 990)),
    '{"a":' * 500 + "1" + "}" * 500,
)


@pytest.mark.parametrize("service", NAMES)
async def test_no_field_guesses_and_no_value_is_a_fault(estate: Estate, service: str) -> None:
    """Every field of every body, optional ones too, with what is nearly right and with what is far from it."""
    wrong: list[str] = []
    tried = 0
    document = estate.documents[service]
    for operation, _ in described(estate):
        schema = (
            body_schema(document, method=operation.method, path=operation.path)
            if operation.service == service
            else None
        )
        if schema is None:
            continue
        whole = sample(resolved(schema, document), document)
        for path, kind in fields(schema, document):
            body = json.dumps(replaced(whole, path, "VALUE"))
            for text in (*HOSTILE.get(kind, ()), *ANYWHERE):
                tried += 1
                content = body.replace('"VALUE"', text).encode()
                answer = await send(estate, operation, content=content, headers=WHERE_JSON)
                guessed = text in HOSTILE.get(kind, ()) and not malformed(answer)
                if answer.status_code >= 500 or guessed:
                    wrong.append(f"{operation.title} {path} = {text[:40]}: {answer.status_code} {answer.text[:80]}")
    assert wrong == []
    assert tried > 100


TEXTS = ("²", "٣", "-1", "1e400", "9" * 30, "\x00", "\ud7ff\ue000", "NaN", "9999-12-31T23:59:59-23:59", "%", "[" * 500)


async def test_no_query_parameter_guesses_and_no_part_of_an_address_is_a_fault(estate: Estate) -> None:
    wrong: list[str] = []
    for operation, description in described(estate):
        for parameter in description.get("parameters", ()):
            name, schema = parameter["name"], parameter["schema"]
            kinds = [each.get("format") or each.get("type") for each in (schema, *schema.get("anyOf", ()))]
            guesses = {text.strip('"') for kind in ("date-time", "date") if kind in kinds for text in HOSTILE[kind]}
            for text in {*TEXTS, *guesses} if parameter["in"] in {"query", "path"} else ():
                if parameter["in"] == "query":
                    answer = await send(estate, operation, params={name: text}, content=b"")
                else:
                    answer = await send(estate, operation, values={name: quote(text, safe="")})
                if answer.status_code >= 500 or (text in guesses and not malformed(answer)):
                    wrong.append(f"{operation.title} {name}={text[:40]}: {answer.status_code} {answer.text[:80]}")
    assert wrong == []
