"""What all tables of the order service share."""

from shared.runtime.tables import Of, attach, new_metadata

METADATA = new_metadata()
RUNTIME = attach(METADATA, decisions=[Of("subject_id", "cloud_order")], facts=[Of("aggregate_id", "cloud_order")])


def one_of(column: str, values: object) -> str:
    """A CHECK that a text column holds one of these: an enum, or a tuple of one."""
    listed = ", ".join(f"'{value}'" for value in values)  # type: ignore[attr-defined] # an enum or a tuple of one
    return f"{column} IN ({listed})"
