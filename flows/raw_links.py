"""Raw files stay in their folder: what a link or a special file would bring in from elsewhere is refused.

Texts of raw files are published, so a link to a file that nobody meant to publish must not be read by chance.
"""

from pathlib import Path

from flows.settings import StopError


def check_raw_file(path: Path, root: Path, *, follows_links: bool) -> None:
    """Raises StopError where a file below `root` is no regular file, or lies elsewhere by a link that was not allowed."""
    target = path.resolve()
    if not follows_links and not target.is_relative_to(root.resolve()):
        raise StopError(
            f"{path}: expected a file inside {root}, found a link that leads to {target}. "
            "Put a copy of the file there, or give --follow-links if what links lead to may be read and published."
        )
    if not path.is_file():
        found = "a link that leads to nothing" if not path.exists() else "a pipe, device or socket"
        raise StopError(f"{path}: expected a regular file, found {found}. Remove it, or put a file in its place.")
