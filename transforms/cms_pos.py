"""Place of service codes: CMS's code set as FHIR CodeSystem XML or as a csv table with Medicare's facility flags."""

from collections.abc import Sequence

import polars as pl
from defusedxml import DefusedXmlException
from defusedxml.ElementTree import ParseError, fromstring

from schemas import PlaceOfService
from transforms.errors import StructureError
from transforms.gate import typed_and_gated
from transforms.history import Kind, combined
from transforms.read import Row, TextTable, check_header, csv_table, text_table
from transforms.released import of_release, only_file
from transforms.sources import Built, SourceFile, Tables, counted

_FHIR = "{http://hl7.org/fhir}"
_CONCEPT = ["code", "display", "definition"]
_CSV = ["pos_code", "pos_type", "pos_name", "pos_description"]
_UNASSIGNED = "Unassigned"
_EFFECTIVE = r"(?i)((?:\s*\([^()]*\beffective\b[^()]*\))+)$"
"""Remarks in brackets about dates, with which only the XML ends its definitions."""

combine = combined("cms_pos", {PlaceOfService: Kind.SNAPSHOT})


def build(files: Sequence[SourceFile], _tables: Tables) -> Built:
    """`place_of_service` rows of one release; both formats give the same rows, as far as they say the same."""
    file = only_file(files)
    table = _concepts(file) if file.suffix == ".xml" else csv_table(file.raw, _CSV, table="place_of_service")
    judged = typed_and_gated(of_release(_places(table.rows), file), PlaceOfService)
    findings = pl.concat([table.findings, judged.findings])
    count = counted(file.source_file, rows_read=table.rows_read, accepted=judged.accepted, findings=findings)
    return Built({"place_of_service": judged.accepted}, findings, [count])


def _concepts(file: SourceFile) -> TextTable:
    """Concepts of a complete FHIR CodeSystem in the columns of the csv file, `pos_type` blank: FHIR does not say it.

    Raises StructureError for what is no XML, declares a document type or entities, or has other elements.
    """
    try:
        system = fromstring(file.content, forbid_dtd=True)
    except (ParseError, DefusedXmlException) as error:
        raise _refused(file, "XML without document type and entities", f"{type(error).__name__}: {error}") from error
    content = [element.get("value") for element in system.findall(f"{_FHIR}content")]
    if system.tag != f"{_FHIR}CodeSystem" or content != ["complete"]:
        raise _refused(file, "a FHIR CodeSystem whose content is 'complete'", f"{system.tag} with content {content}")
    rows = []
    for number, concept in enumerate(system.findall(f"{_FHIR}concept"), start=1):
        check_header([part.tag.removeprefix(_FHIR) for part in concept], _CONCEPT, source_file=file.source_file, line=number)
        code, name, description = (part.get("value", "") for part in concept)
        rows.append(Row(number, [code, "", name, description]))
    return text_table(rows, _CSV, source_file=file.source_file, table="place_of_service")


def _places(cells: pl.DataFrame) -> pl.DataFrame:
    """Cells of either format in the columns of the table."""
    tidy = cells.with_columns(pl.col(_CSV).str.replace_all(r"\s+", " ").str.strip_chars())
    is_assigned = pl.col("pos_name") != _UNASSIGNED
    return tidy.select(
        "source_file",
        "source_row",
        place_of_service_code="pos_code",
        place_name=_one_spelling(pl.col("pos_name")),
        description=pl.col("pos_description").replace(_UNASSIGNED, "").str.replace(_EFFECTIVE, ""),
        effective_note=pl.col("pos_description").str.extract(_EFFECTIVE),
        is_facility=pl.col("pos_type").replace({"Facility": "true", "Non-Facility": "false", _UNASSIGNED: ""}),
        is_assigned=is_assigned,
    )


def _one_spelling(name: pl.Expr) -> pl.Expr:
    """`Ambulance - Land` as `Ambulance-Land`, dashes as hyphens, no footnote mark at the end."""
    return name.str.replace_all(r" ?([/\u2013-]) ?", "${1}").str.replace_all("\u2013", "-").str.strip_chars_end("*")


def _refused(file: SourceFile, expected: str, found: str) -> StructureError:
    return StructureError(file.source_file, expected=expected, found=found, advice="Fetch the file from its publisher again.")
