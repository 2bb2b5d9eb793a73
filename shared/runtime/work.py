"""The door to the unit of work: the transaction, what it decides and tells, its clock, and the refusals it may raise.

Behind it are `unit_of_work` and the refusals of `validation`.
"""

from shared.runtime.unit_of_work.clock import BusinessClock
from shared.runtime.unit_of_work.history import HistoryItem, history_of
from shared.runtime.unit_of_work.registry import Registry
from shared.runtime.unit_of_work.work import SYSTEM, Actor, Decision, Notice, Work
from shared.runtime.validation.refusals import BadRequest, NotFound, PermissionMissing, VersionMismatch

__all__ = [
    "SYSTEM",
    "Actor",
    "BadRequest",
    "BusinessClock",
    "Decision",
    "HistoryItem",
    "NotFound",
    "Notice",
    "PermissionMissing",
    "Registry",
    "VersionMismatch",
    "Work",
    "history_of",
]
