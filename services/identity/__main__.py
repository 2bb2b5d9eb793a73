"""Runs the identity service alone: `python -m services.identity`."""

from services.identity.service import SERVICE
from shared.runtime.main import run

if __name__ == "__main__":
    run([SERVICE])
