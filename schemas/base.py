"""How a table is declared: one pandera model whose configuration carries what a row is, its key and its licence."""

from typing import Any, NamedTuple

import pandera.polars as pa
import polars as pl

NOT_STATED = "any"
"""Value of a scope column that does not narrow anything: every organization, line of business or market."""


PROVENANCE = ("citation_title", "citation_publisher", "citation_where", "read_date", "source_file", "source_row")
"""Columns that say where a row comes from; they stand last in every table."""


KNOWN_FROM = "Publication date of the release that first said so; empty where no origin.json states it."
"""Description of the column `known_from`, the second clock beside the service dates."""


class Limits(NamedTuple):
    """What a release may lose, change or refuse of a table, in percent, before it is not published or a warning is given."""

    most_lost_percent: int = 50
    """Rows, or cells of a payer, modifier or code section, fewer than in the release before: more stops."""
    most_changed_percent: int = 50
    """Rows of the release before that change or go: more warns."""
    most_refused_percent: int = 10
    """Rows of a source that are refused: more stops. Of a source's tables the most patient one counts."""


ABOUT_THE_RUN = Limits(most_lost_percent=100, most_changed_percent=100)
"""Limits of tables that say how things stand with the inputs: they may shrink to nothing, which is good news or none."""
RENUMBERED = Limits(most_changed_percent=100)
"""Limits of tables whose numbers are a release's own and may all change at once."""


OF_ITS_TEXTS = "CC0-1.0 or US-GOV in an open build; in a licensed build that of the texts that its words are from"
"""Licence of tables whose words an open build takes from openly licensed texts only, a licensed one from every text."""


class TableFacts(NamedTuple):
    """What is said about a table as a whole."""

    group: str
    """Heading under which documents list the table."""
    row: str
    """What one row is, as the end of the sentence 'One row per ...'."""
    key: tuple[str, ...]
    """Columns that identify a row; exports are sorted by them."""
    licence: str
    """Licence of the rows; a sentence where it depends on the build."""
    expected_rows: tuple[int, int]
    """Fewest and most rows of a plausible release."""
    is_view: bool = False
    """In the database it is a view over other tables; exports hold its rows like those of any table."""
    limits: Limits = Limits()
    """What a release may lose, change or refuse of it."""


def column(
    description: str,
    *,
    unit: str | None = None,
    references: str | None = None,
    values: tuple[str, ...] | None = None,
    pattern: str | None = None,
    nullable: bool = False,
    at_least: float | None = None,
    at_most: float | None = None,
    free_text: bool = False,
    owner: str | None = None,
) -> Any:
    """A column's declaration.

    `references` names the `table.column` that holds every value (empty cells and 'any' excepted). `values` is the whole
    vocabulary. `free_text` marks prose and names taken from outside, which exports guard against spreadsheet formulas. `owner`
    names who holds the copyright in the words of a column; an open build leaves such a column empty, so it must be nullable.
    """
    return pa.Field(
        description=description,
        isin=list(values) if values else None,
        str_matches=pattern,
        nullable=nullable,
        ge=at_least,
        le=at_most,
        metadata={"unit": unit, "references": references, "free_text": free_text, "owner": owner},
    )


class Column(NamedTuple):
    """One column as the derived documents see it."""

    name: str
    dtype: pl.DataType
    description: str
    unit: str | None
    references: str | None
    values: tuple[str, ...] | None
    pattern: str | None
    nullable: bool
    at_least: float | None
    at_most: float | None
    free_text: bool
    owner: str | None


class Table(pa.DataFrameModel):
    """Base of every table. Columns are exact: none missing, none more, none coerced."""

    class Config:
        """Checks are strict because a silent cast is a silent error."""

        strict = True
        coerce = False

    @classmethod
    def facts(cls) -> TableFacts:
        """What is declared about the table as a whole."""
        cls.to_schema()
        facts = (cls.__config__.metadata or {})["facts"]  # type: ignore[union-attr]
        assert isinstance(facts, TableFacts)
        return facts

    @classmethod
    def table_name(cls) -> str:
        """Name in the database and of the exported files."""
        return str(cls.to_schema().name)

    @classmethod
    def summary(cls) -> str:
        """First paragraph of the class's docstring, on one line."""
        return " ".join((cls.__doc__ or "").split("\n\n")[0].split())

    @classmethod
    def columns(cls) -> tuple[Column, ...]:
        """The columns in their order: key first, where the row comes from last."""
        fields, key = cls.to_schema().columns, cls.facts().key
        between = [name for name in fields if name not in key and name not in PROVENANCE]
        last = [name for name in PROVENANCE if name in fields and name not in key]
        return tuple(_column(name, fields[name]) for name in (*key, *between, *last))

    @classmethod
    def column_names(cls) -> tuple[str, ...]:
        """The names of the columns in their order."""
        return tuple(declared.name for declared in cls.columns())

    @classmethod
    def polars_schema(cls) -> dict[str, pl.DataType]:
        """Column names and types as Polars wants them."""
        return {declared.name: declared.dtype for declared in cls.columns()}


class Cited(Table):
    """Base of curated tables: every row says who says so, and where the row stands in the raw files."""

    citation_title: str = column("Document that says so.", free_text=True)
    citation_publisher: str = column("Who published it.", free_text=True)
    citation_where: str = column("Page, section or address in it.", free_text=True)
    read_date: pl.Date = column(
        "Day the source was read; empty where it is named as the place to look but was not opened.", nullable=True
    )
    source_file: str = column("Path of the raw file below raw/.", references="raw_file.source_file")
    source_row: pl.Int64 = column("Line of the file, the header being line 1.", at_least=2)


def _column(name: str, field: Any) -> Column:
    limits: dict[str, Any] = {}
    for check in field.checks:
        limits |= {check.name: check.statistics}
    metadata = field.metadata or {}
    values = limits.get("isin", {}).get("allowed_values")
    return Column(
        name=name,
        dtype=_instance(field.dtype.type),
        description=field.description,
        unit=metadata.get("unit"),
        references=metadata.get("references"),
        values=tuple(values) if values else None,
        pattern=limits.get("str_matches", {}).get("pattern"),
        nullable=field.nullable,
        at_least=limits.get("greater_than_or_equal_to", {}).get("min_value"),
        at_most=limits.get("less_than_or_equal_to", {}).get("max_value"),
        free_text=bool(metadata.get("free_text")),
        owner=metadata.get("owner"),
    )


def _instance(dtype: Any) -> pl.DataType:
    made: pl.DataType = dtype() if isinstance(dtype, type) else dtype
    return made
