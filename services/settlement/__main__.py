"""Runs the settlement service alone: `python -m services.settlement`."""

from services.settlement.service import SERVICE
from shared.runtime.main import run

if __name__ == "__main__":
    run([SERVICE])
