"""The refresh as a flow that a schedule starts: the entry point of deployments, and what `payref serve` serves.

The flow names functions of modules and nothing else, because Prefect sends it to the process that runs it by pickling it.
Importing this module imports Prefect.
"""

from pathlib import Path

from prefect import flow

from flows.fetch import FetchSettings
from flows.settings import Settings
from flows.unattended import refresh_unattended


@flow(name="scheduled-refresh", flow_run_name="refresh of {raw} into {output}", validate_parameters=True)
def scheduled_refresh(
    raw: Path,
    output: Path,
    fetch: bool = False,
    accept_licence: bool = False,
    base_url: str | None = None,
    licensed: bool = False,
    strict: bool = False,
    threads: int = 2,
    accept: tuple[str, ...] = (),
    keep: int | None = None,
    wait: float = 0,
    follow_links: bool = False,
) -> str:
    """Refresh `output` from `raw`; name of the release that is current then. The parameters are options of payref refresh."""
    settings = Settings(
        raw,
        output,
        is_licensed=licensed,
        is_strict=strict,
        threads=threads,
        accepted=accept,
        keep=keep,
        wait_seconds=wait,
        follows_links=follow_links,
    )
    return refresh_unattended(settings, FetchSettings(accept_licence, base_url=base_url) if fetch else None)
