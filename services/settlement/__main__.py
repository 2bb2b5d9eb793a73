"""The process of the settlement service."""

from services.settlement.service import SERVICE
from shared.runtime.main import run

run([SERVICE])
