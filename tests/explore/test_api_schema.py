"""The JSON API against its own OpenAPI description, with requests that schemathesis makes up."""

from pathlib import Path

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode, checks
from starlette.types import ASGIApp, Receive, Scope, Send

from flows.explore.api import router
from flows.explore.app import application

CHECKS = [
    checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
    checks.response_headers_conformance,
    checks.unsupported_method,
]
REAL = {"code": "19307", "payer": "uhc", "modifier": "62", "name": "AETNA", "on": "2025-10-05", "q": "anesthesia", "market": "TX",
        "component": "global", "line_of_business": "commercial", "organization": "anthem_oh", "state": "TX", "limit": 7, "offset": 2}  # fmt: skip
"""Parameters that have answers: what is made up seldom has one."""


def as_local(app: ASGIApp) -> ASGIApp:
    """The application as a browser on this machine calls it; a test client calls a host of its own, which is refused."""

    async def called(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            others = [(name, value) for name, value in scope["headers"] if name != b"host"]
            scope = {**scope, "headers": [*others, (b"host", b"127.0.0.1")]}
        await app(scope, receive, send)

    return called


@pytest.fixture(scope="module")
def described(releases: Path) -> schemathesis.BaseSchema:
    return schemathesis.openapi.from_asgi("/openapi.json", as_local(application(releases)))


@pytest.mark.parametrize("path", [route.path for route in router.routes])
def test_answers_keep_to_the_description(described: schemathesis.BaseSchema, path: str) -> None:
    modes = [GenerationMode.POSITIVE, GenerationMode.NEGATIVE]
    seen: set[int] = set()

    @seed(8420)
    @settings(
        max_examples=20,
        derandomize=True,
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=st.one_of([described[path]["GET"].as_strategy(generation_mode=mode) for mode in modes]), is_real=st.booleans())
    def answered(case: schemathesis.Case, *, is_real: bool) -> None:
        if is_real:
            for given_values in (case.path_parameters, case.query):
                given_values.update({name: REAL[name] for name in given_values if name in REAL})
        seen.add(case.call_and_validate(checks=CHECKS).status_code)

    answered()
    assert 200 in seen
    assert seen & {400, 404, 422} or path in {"/api/payers", "/api/health"}
