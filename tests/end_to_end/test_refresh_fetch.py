"""A refresh that fetches first: what could be had is published, what could not is said with the exit code."""

from pathlib import Path

import duckdb
import pytest
from typer.testing import CliRunner

from flows import cli
from flows.database_name import DATABASE
from tests.end_to_end.raw_folder import copied
from tests.flows.file_server import FileServer, Reply

TAXONOMY = "/images/stories/CSV/nucc_taxonomy_"
SHEET = (
    b"Code,Grouping,Classification,Specialization,Definition,Notes,Display Name,Section\r\n"
    b"207L00000X,Group,Class,,Words,,Name,Individual\r\n"
    b"207Q00000X,Group,Class,,Words,,Name,Individual\r\n"
)


class Publisher(FileServer):
    """Has the taxonomy of every half year and nothing else."""

    def next_reply(self, path: str, headers: dict[str, str]) -> Reply:
        if path.startswith(TAXONOMY):
            self.scripts.setdefault(path, [Reply(SHEET, last_modified="Wed, 01 Jul 2026 08:00:00 GMT")])
        return super().next_reply(path, headers)


def refreshed(raw: Path, output: Path, *options: str) -> tuple[int, str]:
    with Publisher() as server:
        command = [
            "refresh",
            "--direct",
            "--fetch",
            "--base-url",
            server.url,
            "--raw",
            str(raw),
            "--output",
            str(output),
            *options,
        ]
        done = CliRunner().invoke(cli.app, command)
    return done.exit_code, done.output


def test_what_was_fetched_is_published_and_what_is_missing_is_exit_code_3(tmp_path: Path) -> None:
    raw, output = copied(tmp_path), tmp_path / "output"
    code, said = refreshed(raw, output, "--accept-licence")
    assert code == 3, said
    assert said.splitlines()[-1] == "Not every file could be fetched, see above; the release is made of what is there."
    with duckdb.connect(str(output / "current" / DATABASE), read_only=True) as connection:
        rows = connection.execute("SELECT taxonomy_code, display_name FROM taxonomy ORDER BY ALL").fetchall()
    assert rows == [("207L00000X", None), ("207Q00000X", None)]


def test_without_the_licence_nothing_is_fetched_and_nothing_published(tmp_path: Path) -> None:
    raw, output = copied(tmp_path), tmp_path / "output"
    code, said = refreshed(raw, output)
    assert code == 2, said
    assert "--accept-licence" in said
    assert not (raw / "nucc").exists()
    assert not output.exists()


@pytest.mark.parametrize("option", ["--base-url", "--accept-licence"])
def test_options_of_fetching_are_listed(option: str) -> None:
    assert option in CliRunner().invoke(cli.app, ["refresh", "--help"]).stdout
