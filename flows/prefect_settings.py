"""Prefect's settings for runs without a server of one's own, to be applied before Prefect is imported."""

import os
import tomllib
from pathlib import Path


def use_embedded_server(output: Path) -> None:
    """Defaults for the embedded server, each of which a variable of the environment overrides.

    Nothing is reported to anybody.
    """
    defaults = {
        "PREFECT_HOME": str((output / ".prefect").resolve()),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
        "DO_NOT_TRACK": "1",
        "PREFECT_LOGGING_LEVEL": "CRITICAL",
        "PREFECT_SERVER_LOGGING_LEVEL": "CRITICAL",
        "PREFECT_RESULTS_PERSIST_BY_DEFAULT": "false",
    }
    for name, value in defaults.items():
        os.environ.setdefault(name, value)
    Path(os.environ["PREFECT_HOME"]).mkdir(parents=True, exist_ok=True)  # Prefect does not make the folders above it


def has_server() -> bool:
    """A server is configured, in the environment or in Prefect's active profile, so none needs to be started."""
    profiles = Path(os.environ["PREFECT_HOME"]) / "profiles.toml"
    stated = tomllib.loads(profiles.read_text(encoding="utf-8")) if profiles.is_file() else {}
    active = os.environ.get("PREFECT_PROFILE", stated.get("active"))
    return bool(os.environ.get("PREFECT_API_URL")) or "PREFECT_API_URL" in stated.get("profiles", {}).get(active, {})
