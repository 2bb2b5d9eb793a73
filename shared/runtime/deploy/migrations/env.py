"""Alembic's environment of every service's database; the work is in shared.runtime.deploy.branches."""

from alembic import context

from shared.runtime.deploy.branches import run_env

run_env(context)
