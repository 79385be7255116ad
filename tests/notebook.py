"""Runs docs/notebook.ipynb; as a program keeps what it prints: python -m tests.notebook FOLDER_OF_A_RELEASE."""

import asyncio
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from unittest.mock import patch

import nbformat
from nbclient import NotebookClient

from flows import PROJECT

NOTEBOOK = PROJECT / "docs" / "notebook.ipynb"


def stored() -> nbformat.NotebookNode:
    """The notebook with its outputs as the project keeps it."""
    return nbformat.read(NOTEBOOK, as_version=4)


def executed(release: Path) -> nbformat.NotebookNode:
    """The notebook as a kernel of its own leaves it, without times and versions. Raises CellExecutionError where a cell fails."""
    notebook = stored()
    place = {"metadata": {"path": str(NOTEBOOK.parent)}}
    client = NotebookClient(
        notebook, timeout=120, kernel_name="python3", record_timing=False, coalesce_streams=True, resources=place
    )
    # A thread of its own: where tests of pages ran before in this process, their browser still holds this thread's loop.
    with patch.dict(os.environ, PAYREF_RELEASE=str(release.resolve())), ThreadPoolExecutor(1) as thread:
        thread.submit(lambda: asyncio.run(client.async_execute())).result(240)
    notebook.metadata.language_info = {"name": "python"}
    return notebook


def main() -> None:
    """Run the notebook on a release and keep what it prints."""
    notebook = executed(Path(sys.argv[1]))
    nbformat.write(notebook, NOTEBOOK)


if __name__ == "__main__":
    main()
