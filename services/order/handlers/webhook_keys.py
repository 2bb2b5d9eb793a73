"""The rotation of the platform's keys that sign webhooks."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

from services.order.webhooks.keys import rotate_key
from shared.runtime.work import Actor, Decision, Work

OVERLAP_HOURS: Final = 168
OVERLAP_HOURS_MAX: Final = 2_160


@dataclass(frozen=True, slots=True, kw_only=True)
class RotateWebhookKey:
    """A wish for a new key, with the reason; the former ones sign beside it for `overlap`, which may be nothing."""

    overlap: timedelta
    reason: str
    by: Actor


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookKeyResult:
    """The new key, which signs from now on."""

    id: UUID


async def rotate_webhook_key(work: Work, command: RotateWebhookKey) -> WebhookKeyResult:
    """Make a key; until their overlap is over each delivery carries a signature of the former ones, too."""
    key_id = await rotate_key(work, overlap=command.overlap)
    work.decide(
        Decision(
            subject_type="webhook_key",
            subject_id=key_id,
            act="webhook_key.rotate",
            by=command.by,
            rule="",
            ground=command.reason,
            after=f"overlap {command.overlap // timedelta(hours=1)} h",
        )
    )
    return WebhookKeyResult(id=key_id)
