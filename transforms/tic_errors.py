"""Why a price file is refused whole: nothing of a file that is not whole and right is published."""

from transforms.errors import StructureError

FETCH_AGAIN = "Fetch the file again; nothing of it was taken."
TELL_PUBLISHER = "Tell the publisher; nothing of the file was taken."


class PriceFileError(StructureError):
    """A price file is not what the rules of 45 CFR 147.212 and CMS's schema make it. Names file and byte."""

    def __init__(self, byte: int, *, expected: str, found: str, advice: str = TELL_PUBLISHER, source_file: str = "") -> None:
        """`byte` counts from 0 in the unpacked text, a byte order mark included."""
        self.byte, self.expected, self.found, self.advice = byte, expected, found, advice
        super().__init__(f"{source_file} byte {byte:,}".lstrip(), expected=expected, found=found, advice=advice)

    def within(self, source_file: str) -> "PriceFileError":
        """The same error with the name of the file."""
        return PriceFileError(self.byte, expected=self.expected, found=self.found, advice=self.advice, source_file=source_file)
