"""How large the volumes of the databases are: what they follow from, and the sum.

A purchase is counted to its payment, with the indexes, facts and answers that it leaves: `python -m bench.growth
--fill-only` prints it for each service. The slack is for rows that wait for a vacuum and for indexes that are rebuilt.
A volume is planned to be as full as the first alert at its end, so that the alert says that the plan no longer holds.
"""

from math import ceil
from typing import Final

PURCHASES_A_YEAR: Final = 500_000
YEARS: Final = 3
BYTES_A_PURCHASE: Final = {"identity": 500, "catalog": 400, "voucher": 5_200, "order": 10_000, "settlement": 6_600}
"""At 50,000 purchases, which divides what a service has without any among them as well."""
BYTES_A_PURCHASE_ELSEWHERE: Final = 10_000
"""Of a service that was not measured yet."""
SLACK: Final = 1.5
OWN_BYTES: Final = 1 << 30
"""What a database has without a purchase: catalogue, parties, sessions, an import that is under way."""
FULL_AT: Final = 0.75
"""Where DatabaseDiskFilling fires first."""
STEP_GI: Final = 5
SIZE_GI_MIN: Final = 10


def volume_gi(service: str, *, purchases_a_year: int = PURCHASES_A_YEAR, years: int = YEARS) -> int:
    """The size of a service's volume in GiB, rounded up to what one orders."""
    bytes_each = BYTES_A_PURCHASE.get(service, BYTES_A_PURCHASE_ELSEWHERE)
    needed = OWN_BYTES + purchases_a_year * years * bytes_each * SLACK
    return max(SIZE_GI_MIN, STEP_GI * ceil(needed / FULL_AT / (1 << 30) / STEP_GI))
