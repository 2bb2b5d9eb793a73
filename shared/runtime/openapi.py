"""Completes a service's OpenAPI document: hot routes, problems, keys and tokens, which FastAPI does not know."""

from collections.abc import Sequence
from typing import Any

import msgspec
from fastapi import FastAPI

from shared.runtime.hot import HotRoute
from shared.runtime.problems import Problem

_TEMPLATE = "#/components/schemas/{name}"
_PROBLEM = {
    "description": "问题详情（RFC 9457）：稳定代码、中文说明、条款",
    "content": {"application/problem+json": {"schema": {"$ref": _TEMPLATE.format(name="Problem")}}},
}


def describe_hot_routes(app: FastAPI, routes: Sequence[HotRoute]) -> None:
    """Make `app.openapi()` describe these routes too."""
    plain = app.openapi

    def described() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = plain()
            _add(document, routes)
            app.openapi_schema = document
        return app.openapi_schema or {}

    app.openapi = described  # type: ignore[method-assign] # FastAPI's documented way to extend the document


def _add(document: dict[str, Any], routes: Sequence[HotRoute]) -> None:
    parts = document.setdefault("components", {})
    parts["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}}
    document["security"] = [{"token": []}]
    for path in document.setdefault("paths", {}).values():
        for operation in path.values():
            _correct(operation)
    kinds = [Problem, *(kind for route in routes for kind in (route.body, route.answer))]
    references, schemas = msgspec.json.schema_components(kinds, ref_template=_TEMPLATE)
    parts.setdefault("schemas", {}).update(schemas)
    for unused in ("HTTPValidationError", "ValidationError"):
        parts["schemas"].pop(unused, None)
    pairs = zip(references[1::2], references[2::2], strict=True)
    for route, (body, answer) in zip(routes, pairs, strict=True):
        path = document.setdefault("paths", {}).setdefault(route.path, {})
        path[route.method.lower()] = _operation(route, body, answer)


def _correct(operation: dict[str, Any]) -> None:
    """What FastAPI says of a cold route but we do otherwise: a wrong form is a problem with status 400."""
    operation["responses"].pop("422", None)
    operation["responses"]["default"] = _PROBLEM
    for parameter in operation.get("parameters", []):
        if parameter["name"] == "idempotency-key":
            parameter.update(name="Idempotency-Key", required=True, schema={"type": "string", "maxLength": 255})


def _operation(route: HotRoute, body: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
    headers = [("Idempotency-Key", True), ("If-Match", route.if_match == "required")]
    if route.awaits is not None:
        headers.append(("Prefer", False))
    parameters = [
        {"name": name, "in": "header", "required": required, "schema": {"type": "string"}} for name, required in headers
    ]
    parameters += [
        {
            "name": part.strip("{}").partition(":")[0],
            "in": "path",
            "required": True,
            "schema": {"type": "string"},
        }
        for part in route.path.split("/")
        if part.startswith("{")
    ]
    refusals = "; ".join(sorted(f"{refusal.code} ({refusal.article})" for refusal in route.refusals))
    return {
        "summary": route.summary,
        "tags": ["命令（热点）"],
        "operationId": f"{route.method.lower()}{route.path.replace('/', '_').replace('{', '').replace('}', '')}",
        "parameters": parameters,
        "requestBody": {"required": True, "content": {"application/json": {"schema": body}}},
        "responses": {
            str(route.status): {"description": "done", "content": {"application/json": {"schema": answer}}},
            "default": _PROBLEM
            if not refusals
            else {
                "description": refusals or "a problem (RFC 9457)",
                "content": {"application/problem+json": {}},
            },
        },
    }
