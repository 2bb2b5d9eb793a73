"""`python -m services.catalog`: the catalog service as its own process."""

from services.catalog.service import SERVICE
from shared.runtime.main import run

if __name__ == "__main__":
    run([SERVICE])
