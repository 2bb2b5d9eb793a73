"""Completes a service's OpenAPI document: hot routes, problems, headers and tokens, which FastAPI does not know.

What is said of headers comes from what `admission` checks, on hot and cold routes alike.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute, iter_route_contexts

from shared.runtime.http.admission import HEADERS, Takes, takes_of, takes_of_hot
from shared.runtime.http.consistency import EXTENSION, consistency_of, follows_of
from shared.runtime.service.hot_routes import HotRoute
from shared.runtime.service.service import Service
from shared.runtime.validation.media_types import JSON_TYPES
from shared.runtime.validation.problems import Problem

RUNTIME_TAG = "运行"
"""What every service offers beside its own routes; it shows nothing of other services."""
_TEMPLATE = "#/components/schemas/{name}"
_PROBLEM = {
    "description": "问题详情（RFC 9457）：稳定代码、中文说明、条款",
    "content": {"application/problem+json": {"schema": {"$ref": _TEMPLATE.format(name="Problem")}}},
}

_REPLAYED = {
    "Idempotent-Replayed": {"description": "重复请求：本次未再执行", "schema": {"type": "string", "enum": ["true"]}}
}


def describe(app: FastAPI, service: Service) -> None:
    """Make `app.openapi()` describe the hot routes of a service too, and what all routes have in common."""
    routes = service.hot_routes

    def described() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = get_openapi(
                title=app.title,
                version=app.version,
                openapi_version=app.openapi_version,
                routes=[*app.routes, *map(_stand_in, routes)],
            )
            _add(document, routes, _takes_of_cold(app))
            _say_consistency(document, follows_of(service))
            app.openapi_schema = document
        return app.openapi_schema or {}

    app.openapi = described  # type: ignore[method-assign] # FastAPI's documented way to extend the document


def _stand_in(route: HotRoute) -> APIRoute:
    """A plain route with the same body, which is never served: so FastAPI describes the bodies of both kinds alike."""

    def endpoint(body: object) -> None:
        """Nobody calls it."""

    endpoint.__annotations__ = {"body": route.body, "return": None}
    return APIRoute(route.path, endpoint, methods=[route.method])


def _takes_of_cold(app: FastAPI) -> Mapping[tuple[str, str], Takes]:
    return {
        (str(context.path), method.lower()): takes_of(context.original_route)
        for context in iter_route_contexts(app.routes)
        if isinstance(context.original_route, APIRoute)
        for method in context.methods or ()
    }


def _add(document: dict[str, Any], routes: Sequence[HotRoute], cold: Mapping[tuple[str, str], Takes]) -> None:
    parts = document.setdefault("components", {})
    parts["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}}
    document["security"] = [{"token": []}]
    paths = document.setdefault("paths", {})
    bodies = [_body_of(paths[route.path].pop(route.method.lower())) for route in routes]
    for address, methods in paths.items():
        for method, operation in methods.items():
            _correct(operation, cold[address, method])
    kinds = [Problem, *(route.answer for route in routes)]
    references, schemas = msgspec.json.schema_components(kinds, ref_template=_TEMPLATE)
    parts.setdefault("schemas", {}).update(schemas)
    for unused in ("HTTPValidationError", "ValidationError"):
        parts["schemas"].pop(unused, None)
    for route, body, answer in zip(routes, bodies, references[1:], strict=True):
        paths[route.path][route.method.lower()] = _operation(route, body, answer)


def _say_consistency(document: Mapping[str, Any], follows: Sequence[str]) -> None:
    for methods in document["paths"].values():
        for method, operation in methods.items():
            waits = any(parameter["name"] == "Prefer" for parameter in operation.get("parameters", ()))
            copied = () if RUNTIME_TAG in operation.get("tags", ()) else follows
            operation[EXTENSION] = consistency_of(method, follows=copied, waits=waits)


def _body_of(operation: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = operation["requestBody"]["content"][JSON_TYPES[0]]["schema"]
    return found


def _correct(operation: dict[str, Any], takes: Takes) -> None:
    """What FastAPI says of a cold route but we do otherwise: a wrong form is a problem with status 400."""
    content = operation.get("requestBody", {}).get("content", {})
    if JSON_TYPES[0] in content:
        content[JSON_TYPES[1]] = content[JSON_TYPES[0]]
    operation["responses"].pop("422", None)
    operation["responses"]["default"] = _PROBLEM
    if takes.headers:
        operation["parameters"] = [*operation.get("parameters", ()), *_headers(takes)]
    for status, response in operation["responses"].items():
        _say_replayed(response, status, takes)
    if takes.open_to_all:
        operation["security"] = []


def _headers(takes: Takes) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "header", "required": required, **HEADERS[name]}
        for name, required in takes.headers.items()
    ]


def _say_replayed(response: dict[str, Any], status: str, takes: Takes) -> None:
    if status != "default" and "Idempotency-Key" in takes.headers:
        response["headers"] = _REPLAYED


def _must_say_something(route: HotRoute) -> bool:
    """Whether an empty body, which stands for an object without fields, is refused."""
    return any(field.is_required() for field in route.body.model_fields.values())


def _operation(route: HotRoute, body: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
    takes = takes_of_hot(route)
    parameters = _headers(takes)
    parameters += [
        {
            "name": part.strip("{}").partition(":")[0],
            "in": "path",
            "required": True,
            "schema": {"type": "string", "format": "uuid"},
        }
        for part in route.path.split("/")
        if part.startswith("{")
    ]
    refusals = "; ".join(sorted(f"{refusal.code} ({refusal.article})" for refusal in route.refusals))
    done = {"description": "done", "content": {"application/json": {"schema": answer}}}
    _say_replayed(done, str(route.status), takes)
    return {
        "summary": route.summary,
        "tags": ["命令（热点）"],
        "operationId": f"{route.method.lower()}{route.path.replace('/', '_').replace('{', '').replace('}', '')}",
        "parameters": parameters,
        "requestBody": {
            "required": _must_say_something(route),
            "content": {media_type: {"schema": body} for media_type in JSON_TYPES},
        },
        "responses": {
            str(route.status): done,
            "default": {**_PROBLEM, "description": refusals or _PROBLEM["description"]},
        },
    }
