"""One real gateway for the folder's tests; each uses collections of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from click.testing import CliRunner, Result

from realtime.cli.main import main
from tests.support.processes import running_gateway

Run = Callable[..., Result]


@pytest.fixture(scope="package")
def gateway_url() -> Iterator[str]:
    """Run the gateway as a person would start it."""
    with running_gateway() as process:
        yield process.base_url


@pytest.fixture
def run(gateway_url: str) -> Run:
    """Run a command against the gateway: `run("send", "--plain", input=…)`."""

    def run_command(*arguments: str, input: str | bytes | None = None) -> Result:
        return CliRunner().invoke(main, [*arguments, "--url", gateway_url], input=input)

    return run_command
