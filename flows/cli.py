"""The command `payref`: its parts, each in a module of its own that imports what is heavy only when it runs."""

import typer

from flows import answer_commands, check_command, mcp_command, operations_commands, refresh_command, release_commands
from flows.explore_command import explore_command
from flows.options import leave
from flows.payers_command import payers
from flows.serve_command import serve_command
from flows.settings import ExitCode, NoAnswerError, UnknownNameError
from flows.unread import outlive_readers

app = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
refresh_command.add_commands(app)
answer_commands.add_commands(app)
release_commands.add_commands(app)
operations_commands.add_commands(app)
mcp_command.add_commands(app)
check_command.add_commands(app)
app.add_typer(payers, name="payers")
app.command("explore")(explore_command)
app.command("serve")(serve_command)


def main() -> None:
    """Run the command; known failures become one sentence and an exit code."""
    outlive_readers()
    try:
        app()
    except UnknownNameError as error:
        leave(str(error), ExitCode.USAGE)
    except NoAnswerError as error:
        leave(str(error), ExitCode.NO_ANSWER)


if __name__ == "__main__":
    main()
