"""docs/notebook.ipynb: every cell runs on the shipped release and prints what is stored."""

import re
from pathlib import Path

import nbformat
import pytest

from tests import notebook

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def executed(release: Path) -> nbformat.NotebookNode:
    return notebook.executed(release)


def printed(cells: list[nbformat.NotebookNode]) -> str:
    return "".join(output.text for cell in cells for output in cell.get("outputs", ()))


def test_what_is_stored_is_what_it_prints(executed: nbformat.NotebookNode) -> None:
    """After a change of what is shipped: make refresh notebook."""
    kept = notebook.stored()
    assert printed(executed.cells) == printed(kept.cells)
    assert executed == kept


def test_exact_answers(executed: nbformat.NotebookNode) -> None:
    text = printed(executed.cells)
    cells = {tuple(re.split(r"\s*[│┆]\s*", line.strip("│ "))) for line in text.splitlines()}
    assert ("2023-03-11", "allowed", "100.00", "2023-01-01", "cigna.anesthesia.QZ.before_2023") in cells
    assert ("2023-03-12", "allowed", "85.00", "2023-03-12", "cigna.anesthesia.QZ.2023") in cells
    assert ("54", "allowed", "81.00", "medicare.split_care.54.phases") in cells
    assert ("medicare", "19054", "80.8") in cells
    assert "Anthem Blue Cross Blue Shield, OH: bcbs, anthem_oh" in text


def test_only_short_texts_are_stored_no_path_and_no_time() -> None:
    kept = notebook.stored()
    outputs = [output for cell in kept.cells for output in cell.get("outputs", ())]
    assert {(output.output_type, output.name) for output in outputs} == {("stream", "stdout")}
    assert notebook.NOTEBOOK.stat().st_size < 60_000
    assert not re.search(r"/(home|root|tmp|Users|work)/", notebook.NOTEBOOK.read_text(encoding="utf-8"))
    assert {name for cell in kept.cells for name in cell.metadata} == set()
