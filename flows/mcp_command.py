"""The command `payref mcp`: the dataset for assistants, over standard input and output."""

from pathlib import Path

import typer

from flows.options import Output
from flows.settings import UnknownNameError


def add_commands(app: typer.Typer) -> None:
    """Make the command known."""
    app.command("mcp")(mcp_command)


def mcp_command(output: Output = Path("output")) -> None:
    """Answer an assistant's questions over the Model Context Protocol, on standard input and output."""
    try:
        from flows.mcp_server import server
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] != "mcp":
            raise
        raise UnknownNameError("payref mcp needs the package mcp. Install it with: pip install payer-reference[mcp]") from error
    server(output).run("stdio")
