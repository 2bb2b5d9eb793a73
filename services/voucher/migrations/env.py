"""Alembic's environment of this service; the work is in shared.runtime.migrate."""

from alembic import context

from services.voucher.tables import METADATA
from shared.runtime.migrate import run_env

run_env(context, METADATA)
