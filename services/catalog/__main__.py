"""Runs the catalog service alone: `python -m services.catalog`."""

from services.catalog.service import SERVICE
from shared.runtime.main import run

if __name__ == "__main__":
    run([SERVICE])
