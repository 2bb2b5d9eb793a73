"""Runs the order service alone: `python -m services.order`."""

from services.order.service import SERVICE
from shared.runtime.main import run

if __name__ == "__main__":
    run([SERVICE])
