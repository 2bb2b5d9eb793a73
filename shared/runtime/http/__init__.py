"""The door to HTTP: who calls and may call, bodies and fields, commands and pages, routes that batch their calls.

Behind it are the modules of this package, `validation`, and the declaration of batched routes in `service`.
"""

from shared.runtime.http.commands import (
    Body,
    Commands,
    Reading,
    Reporting,
    Run,
    VersionedCommands,
    VersionedRun,
    VersionRequiredRun,
    actor_of,
    reading_for_caller,
    to_json,
)
from shared.runtime.http.common_routes import ClockReading, reading_of
from shared.runtime.http.edge import allow, person_of, principal_of, require, require_any, runtime_of, wait_preference
from shared.runtime.http.paging import CURSOR_MAX_CHARACTERS, AskedPlace, Cursor, Limit
from shared.runtime.http.rates import RateTable, RequestRate
from shared.runtime.service.hot_routes import HotCall, HotRoute
from shared.runtime.validation.body_bounds import BodyBounds
from shared.runtime.validation.fields import Day, Distinct, Moment, OneLine, PlainName
from shared.runtime.validation.network import Proxies
from shared.runtime.validation.refusals import BodyTooLarge

__all__ = [
    "CURSOR_MAX_CHARACTERS",
    "AskedPlace",
    "Body",
    "BodyBounds",
    "BodyTooLarge",
    "ClockReading",
    "Commands",
    "Cursor",
    "Day",
    "Distinct",
    "HotCall",
    "HotRoute",
    "Limit",
    "Moment",
    "OneLine",
    "PlainName",
    "Proxies",
    "RateTable",
    "Reading",
    "Reporting",
    "RequestRate",
    "Run",
    "VersionRequiredRun",
    "VersionedCommands",
    "VersionedRun",
    "actor_of",
    "allow",
    "person_of",
    "principal_of",
    "reading_for_caller",
    "reading_of",
    "require",
    "require_any",
    "runtime_of",
    "to_json",
    "wait_preference",
]
