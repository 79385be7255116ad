"""How `payref refresh` ends: noted in the record of the output folder, and told to whoever collects logs."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import typer

from flows.alerts import Alert, document, send
from flows.options import Left
from flows.pipeline import exit_code
from flows.release_commands import warnings_of
from flows.run_record import FAULT, LastRun, Result, fault_of, settle_record, stop_code
from flows.screen import Screen
from flows.settings import ExitCode
from flows.stage_log import Log, json_line


class End:
    """What a refresh reached so far."""

    def __init__(self, screen: Screen, output: Path, alert: Alert | None) -> None:
        self._screen, self._output, self._alert = screen, output, alert
        self._run = LastRun(datetime.now(UTC))

    def reached(self, outcome: Result, release: str) -> None:
        """A release was published, or is current already."""
        self._run = self._run._replace(outcome=outcome, exit_code=int(ExitCode.OK), release=release)

    def failed(self, error: BaseException) -> None:
        """Note and tell what ended the refresh, after a release was published or before."""
        code, sentence = (error.code, error.sentence) if isinstance(error, Left) else (exit_code(error), str(error))
        if code is not None:
            kind = Result.LOCKED if code == ExitCode.LOCKED else Result.REFUSED
            self.noted(self._run.outcome or kind, int(code), sentence)
        elif isinstance(error, Exception):
            self.noted(Result.FAILED, FAULT, fault_of(error))
        else:
            self.noted(Result.STOPPED, stop_code(error), fault_of(error))

    def stopped(self, code: int) -> None:
        """Note and tell that a signal ends the process with this exit code."""
        self.noted(Result.STOPPED, code, signal.Signals(code - 128).name)

    def noted(self, outcome: Result | None = None, exit_code: int = 0, sentence: str | None = None) -> None:
        """Note and tell the end; what was reached where nothing else is said."""
        run = self._run._replace(ended=datetime.now(UTC))
        if outcome:
            run = run._replace(outcome=outcome, exit_code=exit_code, sentence=sentence)
        if run.outcome is not Result.LOCKED and self._output.is_dir():
            settle_record(self._output, run)
        self._tell_somebody(run)
        if self._screen.log is Log.JSON:
            typer.echo(json_line("end", **run.told()), err=True)

    def _tell_somebody(self, run: LastRun) -> None:
        """Run the alert command where the refresh failed or warns. What goes wrong with it changes nothing and is said."""
        warnings = warnings_of(self._output, run.release) if run.outcome is Result.PUBLISHED and run.release else []
        if self._alert and (run.exit_code or warnings):
            trouble = send(self._alert, document(run, self._output, warnings=warnings))
            if trouble:
                self._screen.say(trouble)


@contextmanager
def ending(screen: Screen, output: Path, *, alert: Alert | None = None) -> Iterator[End]:
    """Note and tell how what happens meanwhile ends, whatever that is."""
    end = End(screen, output, alert)
    try:
        yield end
    except BaseException as error:
        end.failed(error)
        raise
    end.noted()
