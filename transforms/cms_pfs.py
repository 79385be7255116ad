"""Medicare Physician Fee Schedule: the files of a release become tables, and releases stand side by side."""

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from pathlib import PurePosixPath

import polars as pl

from schemas import AnesthesiaLocality, CodeDescription, CodeListing, ConversionFactor, Gpci, PfsIndicator
from schemas.base import Table
from schemas.cms_pfs import LocalityCounty, OppsCap
from transforms.code import descriptions, with_section
from transforms.errors import StructureError
from transforms.gate import WHOLE_ROW, Gated, findings_frame
from transforms.history import Kind, ReleaseTables, combined
from transforms.pfs_counties import locality_counties
from transforms.pfs_factors import check_agreement, conversion_factors, in_order
from transforms.pfs_invariants import invariant_findings
from transforms.pfs_layouts import kind_of
from transforms.pfs_localities import anesthesia_localities, geographic_indices
from transforms.pfs_opps_caps import opps_caps
from transforms.pfs_relative_values import RelativeValues, relative_values
from transforms.pfs_tables import Companion
from transforms.sources import Built, FileCount, Period, SourceFile, Statement, Tables, counted

_KINDS = combined(
    "cms_pfs",
    {
        PfsIndicator: Kind.PER_RELEASE,
        ConversionFactor: Kind.PER_RELEASE,
        Gpci: Kind.PER_RELEASE,
        AnesthesiaLocality: Kind.PER_RELEASE,
        OppsCap: Kind.PER_RELEASE,
        LocalityCounty: Kind.PER_RELEASE,
        CodeListing: Kind.SNAPSHOT,
        CodeDescription: Kind.SNAPSHOT,
    },
)
_COMPANIONS: dict[str, tuple[type[Table], Callable[..., Companion]]] = {
    "anesthesia": (AnesthesiaLocality, anesthesia_localities),
    "indices": (Gpci, geographic_indices),
    "opps_caps": (OppsCap, opps_caps),
    "counties": (LocalityCounty, locality_counties),
}
"""Files that a release may have beside its relative values, with the table that each gives and its reader."""
_PLAUSIBLE_STEP = 0.05
"""Share of its rows by which a release may grow or shrink against the one before without being reported."""


def build(files: Sequence[SourceFile], tables: Tables) -> Built:
    """Tables of one release: `pfs_indicator`, `conversion_factor`, `code_listing`, short `code_description`.

    Where their files are there, also `anesthesia_locality`, `gpci`, `opps_cap` and `locality_county`. Raises StructureError for
    a release without relative values, with two files of a kind, or with relative value files that contradict each other.
    """
    kinds = _by_kind(files)
    values = _relative_values(kinds, files, tables["code_section"])
    period = _known(_period(files[0]), values)
    companions = {
        kind: read(kinds[kind, "any"], period=period) for kind, (_, read) in _COMPANIONS.items() if (kind, "any") in kinds
    }
    base = values[0]
    counts = [_count(part.source_file, part.rows_read, part.indicators) for part in values]
    counts += [_count(kinds[kind, "any"].source_file, part.rows_read, part.rows) for kind, part in companions.items()]
    return Built(
        tables={
            "pfs_indicator": base.indicators.accepted,
            "conversion_factor": _factors(kinds, values, companions, period),
            "code_listing": _listing(base.indicators.accepted),
            "code_description": _descriptions(base, period),
            **{_COMPANIONS[kind][0].table_name(): part.rows.accepted for kind, part in companions.items()},
        },
        findings=pl.concat(
            [
                *(part.indicators.findings for part in values),
                invariant_findings(base.indicators.accepted),
                *(part.rows.findings for part in companions.values()),
            ]
        ),
        counts=counts,
        statements=[Statement(part.source_file, part.notice, part.released) for part in values],
    )


def combine(parts: Sequence[ReleaseTables]) -> Built:
    """Releases side by side, with a warning where one has far more or fewer rows than the one before.

    Raises StructureError where two of them claim the same day.
    """
    _check_periods([part.period for part in parts])
    built = _KINDS(parts)
    return built._replace(findings=pl.concat([built.findings, _steps([part.built.tables["pfs_indicator"] for part in parts])]))


def _by_kind(files: Sequence[SourceFile]) -> dict[tuple[str, str], SourceFile]:
    """Files of a release by kind and `apm_status`. Raises StructureError for two of one kind."""
    kinds: dict[tuple[str, str], SourceFile] = {}
    for file in files:
        kind = kind_of(file)
        rivals = [kinds[other] for other in kinds if other == kind or (other[0] == kind[0] and "any" in (other[1], kind[1]))]
        if rivals:
            raise StructureError(
                file.source_file,
                expected="one file of its kind in a release folder",
                found=f"{rivals[0].name} beside it",
                advice="Keep the one that is meant, or give each release a folder.",
            )
        kinds[kind] = file
    return kinds


def _relative_values(
    kinds: Mapping[tuple[str, str], SourceFile], files: Sequence[SourceFile], sections: pl.DataFrame
) -> list[RelativeValues]:
    """The relative value files of a release, the one that gives `pfs_indicator` first."""
    found = {status: file for (kind, status), file in kinds.items() if kind == "relative_values"}
    if not found:
        raise StructureError(
            str(PurePosixPath(files[0].source_file).parent),
            expected="the relative value file PPRRVU*.csv",
            found=", ".join(file.name for file in files),
            advice="Put the PPRRVU file of the release beside them.",
        )
    read = {status: relative_values(file, period=_period(file)) for status, file in found.items()}
    values = [_in_sections(part, sections) for part in in_order(read)]
    for other in values[1:]:
        check_agreement(values[0], other)
    return values


def _factors(
    kinds: Mapping[tuple[str, str], SourceFile],
    values: Sequence[RelativeValues],
    companions: Mapping[str, Companion],
    period: Period,
) -> pl.DataFrame:
    statuses = {file.source_file: status for (_, status), file in kinds.items()}
    anesthesia = kinds.get(("anesthesia", "any"))
    return conversion_factors(
        {statuses[part.source_file]: part for part in values},
        companions["anesthesia"].national_factors if anesthesia else {},
        anesthesia_file=anesthesia.source_file if anesthesia else None,
        period=period,
    )


def _listing(indicators: pl.DataFrame) -> pl.DataFrame:
    """Codes that the release lists, each at its first row."""
    listed = indicators.unique(["code_system", "code"], keep="first", maintain_order=True)
    nothing = pl.lit(None, dtype=pl.String)
    return listed.with_columns(source=pl.lit("cms_pfs"), action_code=nothing).select(CodeListing.column_names())


def _descriptions(values: RelativeValues, period: Period) -> pl.DataFrame:
    """Short descriptions of the codes that have an accepted row."""
    listed = values.descriptors.join(values.indicators.accepted, on=["code_system", "code"], how="semi", maintain_order="left")
    return descriptions(listed, kind="short", source="cms_pfs", period=period)


def _period(file: SourceFile) -> Period:
    if file.period is None:
        raise StructureError(
            file.source_file,
            expected="a release folder named YYYY-MM, or an origin.json that gives its period",
            found="neither",
            advice="Move the file to cms_pfs/<year>-<month of the release>/.",
        )
    return file.period


def _known(period: Period, values: Sequence[RelativeValues]) -> Period:
    """The period with the day since when it is known: that of its origin, or else the one a relative value file states."""
    released = [part.released for part in values if part.released]
    return period._replace(published=period.published or min(released, default=None))


def _check_periods(periods: Sequence[Period]) -> None:
    """Stop where two releases claim the same day: only one of them can be the fee schedule of that day."""
    for earlier, later in pairwise(periods):
        if later.valid_from <= earlier.valid_to:
            raise StructureError(
                f"cms_pfs/{later.release_id}",
                expected=f"a period after release {earlier.release_id}, which ends on {earlier.valid_to}",
                found=f"one that starts on {later.valid_from}",
                advice="State valid_from and valid_to in the origin.json of both releases.",
            )


def _steps(releases: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """A warning for each release whose number of rows is far from that of the one before; releases are in order of time."""
    return findings_frame(
        {
            "source_file": later["source_file"][0],
            "source_row": 0,
            "column_name": WHOLE_ROW,
            "rule_id": "pfs_indicator.release.row_count",
            "severity": "warning",
            "value": f"{later.height}",
            "reason": f"Should be within 5 percent of the {earlier.height} rows of the release before.",
        }
        for earlier, later in pairwise(releases)
        if abs(later.height - earlier.height) > _PLAUSIBLE_STEP * earlier.height
    )


def _in_sections(values: RelativeValues, sections: pl.DataFrame) -> RelativeValues:
    """Values whose codes fall into a section of the code set; the others are refused."""
    placed = with_section(values.indicators.accepted, sections)
    outside = placed.filter(pl.col("section").is_null()).select(
        "source_file",
        "source_row",
        column_name=pl.lit("code"),
        rule_id=pl.lit("pfs_indicator.code.section"),
        severity=pl.lit("refused"),
        value=pl.col("code"),
        reason=pl.lit("Must fall into a range of code_section."),
    )
    accepted = placed.filter(pl.col("section").is_not_null()).drop("section")
    findings = pl.concat([values.indicators.findings, outside.select(values.indicators.findings.columns)])
    return values._replace(indicators=Gated(accepted, findings))


def _count(source_file: str, rows_read: int, judged: Gated) -> FileCount:
    """Rows of one file; a row of two factors counts once."""
    rows = judged.accepted.unique(["source_file", "source_row"], maintain_order=True)
    return counted(source_file, rows_read=rows_read, accepted=rows, findings=judged.findings)
