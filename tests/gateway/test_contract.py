"""The HTTP API keeps to its OpenAPI document, whatever is sent: no failure of its own, no answer that isn't described.

The document is turned into requests, fitting ones and such as break it on purpose, by schemathesis.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.specs.openapi import checks

from realtime.gateway.openapi import describe
from tests.gateway.serving import Served, served

MANY = 1_000_000
SCHEMA = schemathesis.openapi.from_dict(describe(version="1"))
FOUND: list[Any] = list(SCHEMA.get_all_operations())
OPERATIONS = {one.ok().label: one.ok() for one in FOUND}
# What fits a schema may still be refused, for what a schema can't say (ids that have to be the same, say), and this
# gateway lets everybody in. Centrifugo's shape answers bad commands with 200 and an error.
NOT_CLAIMED = [checks.positive_data_acceptance, checks.ignored_auth]
NOT_CLAIMED_OF_COMMANDS = [*NOT_CLAIMED, checks.negative_data_rejection]
CASES = [
    (label, mode)
    for label, operation in OPERATIONS.items()
    for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
    if mode is GenerationMode.POSITIVE or operation.body or len(list(operation.iter_parameters()))
]


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Serve a gateway for all of it, so that what one request has made meets the next."""
    with served(tmp_path_factory.mktemp("contract"), commands_per_s=MANY, events_per_s=MANY) as one:
        yield one


def explore(gateway: Served, label: str, mode: GenerationMode, *, examples: int) -> Counter[int]:
    """Send requests and hold each answer against the document; returns how often each status came."""
    operation = OPERATIONS[label]
    is_command = operation.definition.raw["operationId"].startswith("channels_")
    excluded = NOT_CLAIMED_OF_COMMANDS if is_command else NOT_CLAIMED
    seen: Counter[int] = Counter()

    @settings(
        max_examples=examples, deadline=None, database=None, derandomize=True,
        suppress_health_check=list(HealthCheck), phases=[Phase.generate, Phase.shrink],
    )  # fmt: skip
    @given(case=operation.as_strategy(generation_mode=mode))
    def send(case: Any) -> None:
        answer = case.call(base_url=gateway.url)
        seen[answer.status_code] += 1
        case.validate_response(answer, excluded_checks=excluded)

    send()
    return seen


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("label", "mode"), CASES, ids=lambda one: getattr(one, "value", one))
def test_every_answer_is_as_described(gateway: Served, label: str, mode: GenerationMode) -> None:
    """Statuses, types and bodies; and nothing is a failure of the gateway's."""
    seen = explore(gateway, label, mode, examples=20)
    assert seen, "something has to be sent at all"
    assert not [status for status in seen if status >= 500]


@pytest.mark.soak
@pytest.mark.filterwarnings("ignore")
@pytest.mark.timeout(600)
@pytest.mark.parametrize(("label", "mode"), CASES, ids=lambda one: getattr(one, "value", one))
def test_every_answer_is_as_described_a_thousand_times(gateway: Served, label: str, mode: GenerationMode) -> None:
    """The same, long."""
    seen = explore(gateway, label, mode, examples=1000)
    assert not [status for status in seen if status >= 500]
