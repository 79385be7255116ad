"""Counts of a large price file wait on a disk until they are put together."""

from pathlib import Path

import numpy as np

from transforms.tic_totals import ROW, Rows


class OnDisk:
    """Parts of counts as plain files in a folder that the caller makes and removes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, part: int, rows: Rows) -> None:
        """Set rows aside."""
        with self._path(part).open("ab") as file:
            file.write(np.ascontiguousarray(rows).data)

    def take(self, part: int) -> Rows:
        """All rows of a part, which is given up."""
        path = self._path(part)
        if not path.exists():
            return np.empty(0, ROW)
        rows = np.fromfile(path, ROW)
        path.unlink()
        return rows

    def _path(self, part: int) -> Path:
        return self._folder / f"{part}.counts"
