"""The proxy that tests spoil the network with is the one `bench recovery` uses; here it gets fixtures."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from realtime.bench.fault_link import Direction
from realtime.bench.fault_proxy import FaultProxy
from realtime.bench.faults import Fault, FaultKind, plan

__all__ = ["Direction", "Fault", "FaultKind", "FaultProxy", "make_proxy", "plan"]


@pytest.fixture
def make_proxy() -> Iterator[Callable[[int], FaultProxy]]:
    """Put a proxy before a port, and take it away after the test."""
    with ExitStack() as stack:
        yield lambda port: stack.enter_context(FaultProxy(port))
