"""docs/notebook.ipynb: every cell runs on the shipped release and prints what is stored."""

import asyncio
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from flows import PROJECT

NOTEBOOK = PROJECT / "docs" / "notebook.ipynb"
pytestmark = pytest.mark.slow


def printed(notebook: nbformat.NotebookNode) -> dict[str, str]:
    """What each cell that runs printed, by the cell's id; a kernel sends a text in as many pieces as it likes."""
    return {
        cell.id: "".join(output.text for output in cell.outputs if output.output_type == "stream")
        for cell in notebook.cells
        if cell.cell_type == "code"
    }


@pytest.fixture(scope="module")
def stored() -> nbformat.NotebookNode:
    return nbformat.read(NOTEBOOK, as_version=4)


@pytest.fixture(scope="module")
def executed(release: Path) -> nbformat.NotebookNode:
    """The notebook as a kernel of its own leaves it. Raises CellExecutionError where a cell fails."""
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("PAYREF_RELEASE", str(release))
        client = NotebookClient(
            notebook, timeout=120, kernel_name="python3", resources={"metadata": {"path": str(NOTEBOOK.parent)}}
        )
        # A thread of its own: where tests of pages ran before in this process, their browser still holds this thread's loop.
        with ThreadPoolExecutor(1) as thread:
            thread.submit(lambda: asyncio.run(client.async_execute())).result(240)
    return notebook


def test_what_is_stored_is_what_it_prints(stored: nbformat.NotebookNode, executed: nbformat.NotebookNode) -> None:
    """After a change of what is shipped: make refresh notebook."""
    assert printed(executed) == printed(stored)


def test_exact_answers(executed: nbformat.NotebookNode) -> None:
    text = "".join(printed(executed).values())
    cells = {tuple(re.split(r"\s*[│┆]\s*", line.strip("│ "))) for line in text.splitlines()}
    assert ("2023-03-11", "allowed", "100.00", "2023-01-01", "cigna.anesthesia.QZ.before_2023") in cells
    assert ("2023-03-12", "allowed", "85.00", "2023-03-12", "cigna.anesthesia.QZ.2023") in cells
    assert ("54", "allowed", "81.00", "medicare.split_care.54.phases") in cells
    assert ("medicare", "19054", "80.8") in cells
    assert "Anthem Blue Cross Blue Shield, OH: bcbs, anthem_oh" in text


def test_only_short_texts_are_stored_and_no_path(stored: nbformat.NotebookNode) -> None:
    outputs = [output for cell in stored.cells for output in cell.get("outputs", ())]
    assert {(output.output_type, output.name) for output in outputs} == {("stream", "stdout")}
    assert NOTEBOOK.stat().st_size < 60_000
    assert not re.search(r"/(home|root|tmp|Users|work)/", NOTEBOOK.read_text(encoding="utf-8"))
