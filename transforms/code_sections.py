"""Sections of the code sets."""

from collections.abc import Sequence

from schemas import CodeSection
from transforms.curated import curated
from transforms.sources import Built, SourceFile, Tables


def build(files: Sequence[SourceFile], _tables: Tables) -> Built:
    """`code_section` rows."""
    return curated(files, CodeSection)
