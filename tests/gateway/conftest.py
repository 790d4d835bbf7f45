"""Lets each engine have its turn in the modules that ask for it (engines.py)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.engines import ENGINES, STANDING, using


@pytest.fixture(scope="module")
def each_engine(request: pytest.FixtureRequest) -> Iterator[str]:
    """Let an engine have its turn."""
    name: str = request.param
    with using(name):
        yield name


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a claim on each engine, or on the one that it is about."""
    if "each_engine" in metafunc.fixturenames:
        only = metafunc.definition.get_closest_marker("engine")
        turns = only.args if only is not None else ENGINES if STANDING == "sqlite" else [STANDING]
        metafunc.parametrize("each_engine", turns, indirect=True, scope="module")
