"""What stops a run before anything is published."""

from collections.abc import Sequence


class StructureError(Exception):
    """A source is not what it is declared to be. Says which file and line, what was expected, what was found, what to do."""

    def __init__(self, where: str, *, expected: str, found: str, advice: str) -> None:
        """`where` names file and, where there is one, line and column."""
        super().__init__(f"{where}: expected {expected}, found {found}. {advice}")


class SeveralSourcesError(StructureError):
    """Several sources are not what they are declared to be; each says so on a line of its own."""

    def __init__(self, errors: Sequence[StructureError]) -> None:
        """`errors` are those of the sources, at least one."""
        Exception.__init__(self, "\n".join(str(error) for error in errors))


class BrokenCheckError(Exception):
    """A check crashed or a table of ours breaks its own declaration: a fault of this program, never of the data."""
