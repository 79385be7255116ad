"""The cube as Parquet and CSV: millions of rows from two small tables, put together by position and never sorted.

A row of the cube is a code and a row of its set of answers. Each answer is encoded once, and rows are only references to it,
which takes a fraction of the time of writing a joined table.
"""

from pathlib import Path

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from flows.dataset import in_order
from flows.load import ROW_GROUP_ROWS
from flows.tables import csv_cells, metadata
from schemas import Answer, CodeAnswerSet, CodePayerModifier
from schemas.base import Table
from transforms.answer_sets import AnswerSets, cube_rows
from transforms.errors import BrokenCheckError

_CODED = ("code_system", "code", "component")
_ANSWERED = tuple(name for name in CodePayerModifier.column_names() if name not in _CODED)
_RECORD_END = "\x1e"
"""Ends a line while answers are encoded; a text that holds it would be cut in two, so it must not occur."""
_LINES = 200_000


def write_cube_parquet(connection: duckdb.DuckDBPyConnection, path: Path) -> int:
    """Write the cube's rows in the order of its key; how many there are. Raises OSError."""
    sets = sets_of(connection)
    rows = cube_rows(sets)
    coded = {name: _encoded(sets.code_answer_set[name]) for name in _CODED}
    answered = {name: _encoded(sets.answer[name]) for name in _ANSWERED}
    fields = [pa.field(name, values.type) for name, values in (coded | answered).items()]
    schema = pa.schema(fields, metadata=metadata(CodePayerModifier))
    with pq.ParquetWriter(path, schema, compression="zstd", compression_level=3, store_schema=False) as writer:
        for part in rows.iter_slices(ROW_GROUP_ROWS):
            codes, answers = part["code_at"].to_arrow(), part["answer_at"].to_arrow()
            columns = [_picked(values, codes) for values in coded.values()] + [
                _picked(values, answers) for values in answered.values()
            ]
            writer.write_table(pa.Table.from_arrays(columns, schema=schema), row_group_size=ROW_GROUP_ROWS)
    return rows.height


def write_cube_csv(connection: duckdb.DuckDBPyConnection, path: Path) -> int:
    """Write the cube's rows in the order of its key; how many there are. Raises OSError.

    Lines are made of the very frames by whose positions the rows are put together.
    """
    sets = sets_of(connection)
    rows = cube_rows(sets)
    cells = dict(zip(CodePayerModifier.column_names(), csv_cells(CodePayerModifier), strict=True))
    codes = _lines(sets.code_answer_set.select(cells[name] for name in _CODED), end=",")
    answers = _lines(sets.answer.select(cells[name] for name in _ANSWERED), end="\n")
    with path.open("wb") as file:
        file.write((",".join(CodePayerModifier.column_names()) + "\n").encode())
        for part in rows.iter_slices(_LINES):
            picked = codes.take(part["code_at"].to_arrow()), answers.take(part["answer_at"].to_arrow())
            _, _, text = pc.binary_join_element_wise(*picked, _large("")).buffers()
            file.write(text)  # a new array of text holds it whole and in order: nothing need be joined or encoded
    return rows.height


def sets_of(connection: duckdb.DuckDBPyConnection) -> AnswerSets:
    """The two tables of which the cube is made, in the order of their keys."""
    return AnswerSets(_rows(connection, CodeAnswerSet), _rows(connection, Answer))


def _rows(connection: duckdb.DuckDBPyConnection, model: type[Table]) -> pl.DataFrame:
    """Rows of a table in the order of its key."""
    return in_order(connection.sql(f"SELECT * FROM {model.table_name()}").pl(), model.table_name())


def _encoded(values: pl.Series) -> pa.DictionaryArray:
    array = values.to_arrow()
    plain = array.cast(pa.string()) if values.dtype == pl.String else array
    return plain.dictionary_encode()


def _picked(values: pa.DictionaryArray, places: pa.Array) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(values.indices.take(places), values.dictionary)


def _lines(cells: pl.DataFrame, *, end: str) -> pa.LargeStringArray:
    """Each row as it stands in a CSV file, with `end` behind it."""
    text = cells.write_csv(include_header=False, line_terminator=_RECORD_END)
    lines = pa.array(text.split(_RECORD_END)[:-1], pa.large_string())
    if len(lines) != cells.height:
        raise BrokenCheckError(f"{cells.height} rows became {len(lines)} lines of CSV: a text holds the sign that ends a line.")
    return pc.binary_join_element_wise(lines, _large(end), _large(""))


def _large(text: str) -> pa.LargeStringScalar:
    return pa.scalar(text, pa.large_string())
