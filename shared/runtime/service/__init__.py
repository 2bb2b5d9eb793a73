"""The door to a service: how it declares itself, its settings, and how it runs.

Behind it are the modules of this package. The routes that it declares are behind `shared.runtime.http`.
"""

from shared.runtime.service.long_poll import Waiters
from shared.runtime.service.runtime import Runtime
from shared.runtime.service.service import Job, SagaReply, Service, Subscriptions, TimerHandler, folding
from shared.runtime.service.settings import ServiceSettings
from shared.runtime.service.urging import NotLate, Urge, Urged, quiet, urge

__all__ = [
    "Job",
    "NotLate",
    "Runtime",
    "SagaReply",
    "Service",
    "ServiceSettings",
    "Subscriptions",
    "TimerHandler",
    "Urge",
    "Urged",
    "Waiters",
    "folding",
    "quiet",
    "urge",
]
