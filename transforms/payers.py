"""Payers, their organizations and the spellings of their names."""

from collections.abc import Sequence
from pathlib import PurePosixPath

import polars as pl

from schemas import NameWord, OrganizationAncestor, Payer, PayerAlias, PayerOrganization
from transforms.curated import curated, file_columns
from transforms.gate import ensure
from transforms.read import csv_table
from transforms.scopes import Ancestors, ancestor_table, ancestors
from transforms.sources import Built, SourceFile, Tables, merged


def build(files: Sequence[SourceFile], _tables: Tables) -> Built:
    """`payer`, `payer_organization`, `organization_ancestor`, `payer_alias` and `name_word` rows."""
    named = {PurePosixPath(file.raw.source_file).stem: [file] for file in files}
    payers = curated(named["payer"], Payer)
    payer_ids = payers.tables["payer"]["payer_id"]
    organizations = _organizations(named["payer_organization"], payer_ids)
    rows = organizations.tables["payer_organization"]
    aliases = curated(named["payer_alias"], PayerAlias, known={"payer_id": payer_ids, "organization_id": rows["organization_id"]})
    derived = ensure(ancestor_table(organization_lines(rows)), OrganizationAncestor)
    words = curated(named["name_word"], NameWord)
    built = merged([payers, organizations, aliases, words])
    return built._replace(tables={**built.tables, "organization_ancestor": derived})


def _organizations(files: Sequence[SourceFile], payer_ids: pl.Series) -> Built:
    """`payer_organization` rows whose payer and parent exist; who loses its parent to a refusal is refused with it."""
    listed = [csv_table(file.raw, file_columns(PayerOrganization), table="payer_organization").rows for file in files]
    existing = pl.concat(listed)["organization_id"]
    while True:
        judged = curated(files, PayerOrganization, known={"payer_id": payer_ids, "parent_organization_id": existing})
        accepted = judged.tables["payer_organization"]["organization_id"]
        if set(accepted) == set(existing):
            return judged
        existing = accepted


def organization_lines(organizations: pl.DataFrame) -> Ancestors:
    """Each organization with its parents, from `payer_organization` rows."""
    return ancestors(dict(organizations.select("organization_id", "parent_organization_id").iter_rows()))
