"""What is shown, as a file."""

import csv
import io

from starlette.responses import Response

from flows.cells import harmless
from flows.release_query import Row
from flows.settings import UnknownNameError

LARGEST = 100_000


def as_file(found: list[Row], name: str, kind: str) -> Response:
    """Rows as CSV or Parquet. Raises UnknownNameError for another kind."""
    if kind == "csv":
        content, media = _csv(found), "text/csv; charset=utf-8"
    elif kind == "parquet":
        content, media = _parquet(found), "application/vnd.apache.parquet"
    else:
        raise UnknownNameError(f"Unknown format '{kind}': expected csv or parquet.")
    return Response(content, media_type=media, headers={"content-disposition": f'attachment; filename="{name}.{kind}"'})


def _csv(found: list[Row]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(found[0] if found else [])
    writer.writerows([harmless(value) for value in row.values()] for row in found)
    return text.getvalue().encode()


def _parquet(found: list[Row]) -> bytes:
    import polars as pl

    content = io.BytesIO()
    pl.DataFrame(found, infer_schema_length=None).write_parquet(content)
    return content.getvalue()
