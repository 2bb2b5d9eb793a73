"""Runs the voucher service alone: `python -m services.voucher`."""

from services.voucher.service import SERVICE
from shared.runtime.main import run

if __name__ == "__main__":
    run([SERVICE])
