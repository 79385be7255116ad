"""ICD-10-CM files of fixed width (CMS, icd10OrderFiles.pdf and icd10cmCodesFile.pdf).

The order file is the code set. Where it is there, the codes file and the addenda only confirm it, and none may contradict it.
"""

import re
from collections.abc import Sequence

import polars as pl

from schemas import Diagnosis
from transforms.errors import StructureError
from transforms.fixed_width import Layout, fixed_width, numbered_lines
from transforms.gate import typed_and_gated
from transforms.history import Kind, combined
from transforms.icd10cm_addenda import check_addenda
from transforms.read import TextTable
from transforms.released import of_release
from transforms.sources import Built, FileCount, SourceFile, Tables, counted

_NAME = re.compile(r"(?i)^icd10cm[_-](order|codes)[_-](addenda(?=[_-]))?")
"""Kind of a file by its name, with underscores (CMS) or hyphens (NCHS)."""
LAYOUTS = {
    "order": Layout(
        r"^[0-9]{5} (?<code>.{7}) (?<flag>.) (?<short_description>.{60}) (?<long_description>.+)$",
        "order number 1-5, code 7-13, flag 15, short description 17-76 and long description from 78",
    ),
    "codes": Layout(r"^(?<code>\S.{6}) (?<long_description>.+)$", "code 1-7 and long description from 9"),
}
_SHOWN = 5
"""Codes that a message about a difference names."""

combine = combined("cms_icd10cm", {Diagnosis: Kind.SNAPSHOT})


def build(files: Sequence[SourceFile], _tables: Tables) -> Built:
    """`diagnosis` rows of one release: of its order file or, without one, the billable ones of its codes file.

    Lines of files that only confirm count as accepted. Raises StructureError where the files contradict one another.
    """
    kinds = _by_kind(files)
    lists = {kind: _listed(kinds[kind], kind) for kind in LAYOUTS if kind in kinds}
    leading = min(lists, key=list(LAYOUTS).index)
    if len(lists) > 1:
        _check_codes(lists["order"].rows, lists["codes"].rows, kinds["codes"].source_file, order_name=kinds["order"].name)
    judged = typed_and_gated(_diagnoses(lists[leading].rows, kinds[leading]), Diagnosis)
    findings = pl.concat([*(table.findings for table in lists.values()), judged.findings])
    read = lists[leading].rows_read
    counts = [counted(kinds[leading].source_file, rows_read=read, accepted=judged.accepted, findings=findings)]
    counts += [_confirmed(kinds[kind], table) for kind, table in lists.items() if kind != leading]
    for kind in (kind for kind in LAYOUTS if f"{kind} addenda" in kinds):
        file = kinds[f"{kind} addenda"]
        changes = check_addenda(file.raw, lists[leading].rows, kind=kind)
        counts.append(FileCount(file.source_file, changes, changes, 0))
    return Built({"diagnosis": judged.accepted}, findings, counts)


def _confirmed(file: SourceFile, table: TextTable) -> FileCount:
    """The count of a file whose lines the order file bears out."""
    return FileCount(file.source_file, table.rows_read, table.rows.height, table.findings.height)


def _by_kind(files: Sequence[SourceFile]) -> dict[str, SourceFile]:
    """Files of a release as `order`, `codes`, `order addenda`, `codes addenda`.

    Raises StructureError for two of a kind and where neither order nor codes file is there.
    """
    kinds: dict[str, SourceFile] = {}
    for file in files:
        named = _NAME.match(file.name)
        kind = " ".join(part.lower() for part in named.groups() if part) if named else file.name
        if kind in kinds:
            raise _refused(file.source_file, f"one {kind} file in a release", f"{kinds[kind].name} beside it")
        kinds[kind] = file
    if not kinds.keys() & LAYOUTS.keys():
        found = ", ".join(file.name for file in files)
        raise _refused(files[0].source_file, "an order file icd10cm_order_* or a codes file icd10cm_codes_* beside it", found)
    return kinds


def _listed(file: SourceFile, kind: str) -> TextTable:
    """Lines of an order or codes file; the codes file lists billable codes only, so they have flag 1."""
    table = fixed_width(numbered_lines(file.raw), LAYOUTS[kind], source_file=file.source_file, table="diagnosis")
    return table if kind == "order" else table._replace(rows=table.rows.with_columns(flag=pl.lit("1")))


def _check_codes(order: pl.DataFrame, codes: pl.DataFrame, source_file: str, *, order_name: str) -> None:
    """Stop unless the codes file lists exactly the order file's billable codes with their long descriptions."""
    said = ("code", "long_description")
    billable, listed = order.filter(pl.col("flag") == "1").select(said), codes.select(said)
    if billable.equals(listed):
        return
    lacking = billable.join(listed, on="code", how="anti", maintain_order="left")
    alone = listed.join(billable, on="code", how="anti", maintain_order="left")
    both = listed.join(billable, on="code", how="semi", maintain_order="left")
    other = both.join(billable, on=said, how="anti", maintain_order="left")
    parts = {"lacking": lacking, "it alone has": alone, "described otherwise": other}
    difference = "; ".join(f"{rows.height} {what}: {_named(rows)}" for what, rows in parts.items() if rows.height)
    raise _refused(
        source_file,
        f"the {billable.height} billable codes of {order_name} in their order",
        difference or f"{listed.height} in another order or repeated",
    )


def _diagnoses(lines: pl.DataFrame, file: SourceFile) -> pl.DataFrame:
    """Codes with their dot after the third character, the flag as a truth value, and the release's dates."""
    rest = pl.col("code").str.slice(3)
    lacking = [] if "short_description" in lines.columns else [pl.lit("").alias("short_description")]
    rows = lines.with_columns(
        *lacking,
        diagnosis_code=pl.when(rest != "").then(pl.col("code").str.slice(0, 3) + "." + rest).otherwise("code"),
        is_billable=pl.col("flag").replace({"0": "false", "1": "true"}),
    )
    return of_release(rows, file)


def _named(rows: pl.DataFrame) -> str:
    more = f" and {rows.height - _SHOWN} more" if rows.height > _SHOWN else ""
    return ", ".join(rows["code"].head(_SHOWN)) + more


def _refused(where: str, expected: str, found: str) -> StructureError:
    return StructureError(where, expected=expected, found=found, advice="Fetch all files of the release again.")
