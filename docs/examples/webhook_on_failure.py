"""Example: the refresh as a flow that posts JSON to a webhook when it fails or crashes.

The address is read from the environment at that moment and is written nowhere, because webhooks often carry their secret in it.
Deploy it in place of the flow of prefect.yaml, and give the worker the variable:

    prefect deploy docs/examples/webhook_on_failure.py:refresh_with_webhook --name daily --pool payer-reference --cron "0 6 * * *"
    REFRESH_WEBHOOK=https://... prefect worker start --pool payer-reference
"""

import os
from pathlib import Path
from typing import Any

import httpx
from prefect import flow
from prefect.client.schemas.objects import FlowRun, State
from prefect.logging import get_logger

from flows.fetch import FetchSettings
from flows.settings import Settings
from flows.unattended import refresh_unattended

SECONDS = 10


def post_failure(flow: Any, flow_run: FlowRun, state: State[Any]) -> None:
    """Tell the webhook which run ended how, and why. Prefect calls it after the run has reached its state."""
    address = os.environ.get("REFRESH_WEBHOOK")
    if not address:
        return
    body = {
        "flow": flow.name,
        "run": flow_run.name,
        "state": state.name,
        "message": state.message,
        "output": str(flow_run.parameters["output"]),
    }
    try:
        httpx.post(address, json=body, timeout=SECONDS).raise_for_status()
    except httpx.HTTPError as error:  # its words name the address, its kind does not
        get_logger("webhook").error("The webhook was not told: %s", type(error).__name__)


@flow(name="refresh-with-webhook", on_failure=[post_failure], on_crashed=[post_failure])
def refresh_with_webhook(raw: Path, output: Path, fetch: bool = False, keep: int | None = None) -> str:
    """Refresh `output` from `raw`, fetching first if asked; name of the release that is current then."""
    return refresh_unattended(Settings(raw, output, keep=keep), FetchSettings() if fetch else None)
