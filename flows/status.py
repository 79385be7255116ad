"""How things stand: which release is current, how old its inputs are, and which of them should have been renewed by now."""

import shlex
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, NamedTuple

import duckdb

from flows.addresses import OFFERS
from flows.origins import is_accepted
from flows.publish import current_release
from flows.registry import SOURCES
from flows.release_query import opened

GRACE_DAYS = 31
"""How long after a source's cadence a newer release may be missing: publishers are late, and files want fetching."""
_NEWEST = """
    SELECT source, max_by(release_id, valid_from) AS release_id, max(valid_from) AS starts,
        max_by(published_date, valid_from) AS published_date
    FROM release WHERE valid_from IS NOT NULL GROUP BY source
"""


class Source(NamedTuple):
    """The newest release of a source in the current release of the dataset."""

    source: str
    release_id: str | None
    """None where the source was never read."""
    starts: date | None
    published: date | None
    age_days: int | None
    """Days since its first service date."""
    cadence_days: int
    """Days after which its publisher renews it."""
    is_overdue: bool


class Status(NamedTuple):
    """The current release and its sources."""

    release: str
    build: str
    made: datetime
    sources: tuple[Source, ...]
    findings: dict[str, int]
    """Findings by severity."""

    @property
    def overdue(self) -> list[str]:
        """Sources of which a newer release should be there by now."""
        return [source.source for source in self.sources if source.is_overdue]


def status(output: Path, *, today: date) -> Status:
    """How things stand. Raises NoAnswerError where there is no release."""
    with opened(output) as connection:
        newest = _newest(connection)
    manifest: dict[str, Any] = current_release(output) or {}
    made = datetime.fromtimestamp((output / "current" / "manifest.json").stat().st_mtime, UTC)
    declared = [(source.name, source.cadence_days) for source in SOURCES if source.cadence_days is not None]
    sources = tuple(_source(name, days, newest.get(name), today) for name, days in declared)
    return Status(manifest["release"], manifest["build"], made, sources, manifest["findings"])


def advice(overdue: Sequence[str], *, raw: Path, output: Path) -> str:
    """What is overdue, and the command that gets it: publishers whose licence was not accepted yet for `raw` ask for it first."""
    owners = sorted({offer.terms.owner for offer in OFFERS if offer.terms and not is_accepted(raw, offer.terms)})
    options = " --accept-licence" if owners else ""
    options += "" if output == Path("output") else f" --output {shlex.quote(str(output))}"
    told = f"Overdue: {', '.join(overdue)}. payref refresh --fetch{options} gets newer ones"
    return f"{told}, and accepts the licence of the {' and '.join(owners)}." if owners else f"{told}."


def _newest(connection: duckdb.DuckDBPyConnection) -> dict[str, tuple[Any, ...]]:
    return {row[0]: row[1:] for row in connection.execute(_NEWEST).fetchall()}


def _source(name: str, cadence_days: int, newest: tuple[Any, ...] | None, today: date) -> Source:
    """A source that was never read is not overdue: whoever runs this chose not to."""
    if newest is None:
        return Source(name, None, None, None, None, cadence_days, is_overdue=False)
    release_id, starts, published = newest
    age_days = (today - starts).days
    return Source(name, release_id, starts, published, age_days, cadence_days, is_overdue=age_days > cadence_days + GRACE_DAYS)
