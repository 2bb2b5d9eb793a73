"""Prices held against the class: outliers are flagged, a person decides. Source: R39, R47, Q10."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from services.catalog.domain.search import fold
from shared.contracts.messages.catalog import Component
from shared.kernel.money import RATE_SCALE, BasisPoints
from shared.kernel.refusals import invariant


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassMedian:
    """The lower median price in fen of one unit among the published products of a class, and of how many prices."""

    median_fen: int
    prices: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlier:
    """A component whose price is above the allowed multiple of its class's median; fen."""

    component: str
    unit: str
    price_fen: int
    median_fen: int
    prices: int


def outliers(
    components: Iterable[Component], *, medians: Mapping[str, ClassMedian], factor_bp: BasisPoints
) -> tuple[Outlier, ...]:
    """The components above `factor_bp` (10000 and more) of the median of their folded unit.

    A unit that no published product of the class has cannot be judged and is not flagged. Raises: Bug. Source: Q10.
    """
    invariant(factor_bp >= RATE_SCALE, "a price at the median is no outlier")
    found = []
    for component in components:
        median = medians.get(fold(component.unit))
        # Compared by multiplication: nothing is rounded, so a price of exactly the multiple is not flagged.
        if median is not None and component.price_fen * RATE_SCALE > median.median_fen * factor_bp:
            found.append(
                Outlier(
                    component=component.code,
                    unit=component.unit,
                    price_fen=component.price_fen,
                    median_fen=median.median_fen,
                    prices=median.prices,
                )
            )
    return tuple(found)
