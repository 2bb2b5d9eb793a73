"""Run the identity service by itself."""

from services.identity.service import SERVICE
from shared.runtime.main import run

run([SERVICE])
