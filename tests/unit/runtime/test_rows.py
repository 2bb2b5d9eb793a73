"""Declared tables: what a declaration takes from its table, and what it may not say."""

from typing import Any

import pytest
from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    Column,
    Date,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    Uuid,
)
from sqlalchemy.dialects.postgresql import JSONB

from shared.kernel.refusals import Bug
from shared.runtime.database.tables import moment
from shared.runtime.unit_of_work.rows import Insert, Rows, Stamp, Update, column_types

TABLE = Table(
    "thing",
    MetaData(),
    Column("id", Uuid, primary_key=True),
    Column("name", Text),
    Column("count", Integer),
    Column("amount_fen", BigInteger),
    Column("kind", SmallInteger),
    Column("open", Boolean),
    Column("day", Date),
    Column("body", LargeBinary),
    Column("facts", JSONB),
    Column("lines", ARRAY(Integer)),
    moment("at"),
)


def test_the_types_of_parameters_are_those_of_the_columns() -> None:
    assert column_types(TABLE) == {
        "id": "uuid",
        "name": "text",
        "count": "int",
        "amount_fen": "bigint",
        "kind": "smallint",
        "open": "boolean",
        "day": "date",
        "body": "bytea",
        "facts": "jsonb",
        "at": "timestamptz",
    }


WRONG: dict[str, dict[str, Any]] = {
    "a column that is not there": {"update": Update(columns=frozenset({"nmae"}))},
    "a column of arrays": {"update": Update(columns=frozenset({"lines"}))},
    "a guard that is not there": {"guard": "version"},
    "a field of no column": {"fields": {"title": "name"}},
    "a stamp of no column": {"insert": Insert(stamped={"made_at": Stamp.NOW})},
    "a key that changes": {"update": Update(columns=frozenset({"id"}))},
    "a key that all rows share": {"update": Update(columns=frozenset({"name"}), common=frozenset({"id"}))},
    "new rows that agree in everything": {"insert": Insert(common=frozenset(column_types(TABLE)))},
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_declaration_that_contradicts_its_table_is_refused_when_the_module_is_loaded(wrong: str) -> None:
    with pytest.raises(Bug):
        Rows(TABLE, **WRONG[wrong])


@pytest.mark.parametrize(
    "how",
    [
        {"update": Update(columns=frozenset({"name"}), computed={"count": "length({name})"})},
        {"insert": Insert(omit=frozenset({"name"}), computed={"count": "length({name})"})},
    ],
)
def test_what_is_computed_of_a_column_that_may_be_left_out_is_refused(how: dict[str, Any]) -> None:
    with pytest.raises(Bug):
        Rows(TABLE, **how)
