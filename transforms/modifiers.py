"""Modifiers, and sets of modifiers that exclude each other, are required, or stand in an order."""

from collections.abc import Sequence
from pathlib import PurePosixPath

from schemas import Modifier, ModifierGroup
from transforms.curated import curated
from transforms.sources import Built, SourceFile, Tables, merged


def build(files: Sequence[SourceFile], tables: Tables) -> Built:
    """`modifier` and `modifier_group` rows; members, payers and organizations of a group exist."""
    named = {PurePosixPath(file.raw.source_file).stem: [file] for file in files}
    modifiers = curated(named["modifier"], Modifier)
    known = {
        "modifier": modifiers.tables["modifier"]["modifier"],
        "payer_id": tables["payer"]["payer_id"],
        "organization_id": tables["payer_organization"]["organization_id"],
    }
    return merged([modifiers, curated(named["modifier_group"], ModifierGroup, known=known)])
