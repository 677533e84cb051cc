"""The whole OpenAPI under schemathesis: whatever is sent, no answer is a fault of the service."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from patience import PATIENCE_S
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from serving import served

from ecgsynth.service.settings import Settings


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[schemathesis.BaseSchema]:
    """The description of a service with small limits, that queues evaluations and runs none."""
    database = tmp_path_factory.mktemp("openapi") / "jobs.sqlite"
    limits = Settings(jobs_db=f"sqlite:///{database}", jobs=0, most_items=8, jobs_waiting=5)
    with served(limits) as client:
        yield schemathesis.openapi.from_url(f"{client.base_url}/openapi.json")


@pytest.mark.parametrize("mode", GenerationMode, ids=lambda mode: mode.value)
def test_nothing_that_is_sent_is_a_fault(
    api: schemathesis.BaseSchema, mode: GenerationMode
) -> None:
    operations = [found.ok() for found in api.get_all_operations()]
    operations = [one for one in operations if one.path != "/v1/stream"]  # it has no end
    if mode is GenerationMode.NEGATIVE:  # any word may stand in an address: only bodies are wrong
        operations = [one for one in operations if one.method == "post"]
    assert len(operations) == {GenerationMode.POSITIVE: 20, GenerationMode.NEGATIVE: 3}[mode]
    for operation in operations:

        @given(case=operation.as_strategy(generation_mode=mode))
        @settings(
            max_examples=40, deadline=None, derandomize=True, database=None,
            suppress_health_check=[*HealthCheck],
        )  # fmt: skip
        def is_answered(case: schemathesis.Case) -> None:
            case.call_and_validate(
                timeout=PATIENCE_S,
                checks=[
                    not_a_server_error, status_code_conformance, content_type_conformance,
                    response_schema_conformance,
                ],
            )  # fmt: skip

        is_answered()
