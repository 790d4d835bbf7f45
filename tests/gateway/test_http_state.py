"""What the gateway says of itself while its log stands still."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from realtime.errors import StorageError
from realtime.gateway.http_state import StateRoutes


class Standing:
    """A log whose last commit failed; what is tried since stands still until `pending` is resolved."""

    def __init__(self) -> None:
        self.trouble: str | None = "The disk is full."
        self.pending: list[Future[None]] = []

    def try_writing(self) -> Future[None]:
        """Begin another commit."""
        self.pending.append(Future())
        return self.pending[-1]


async def _nobody(_: Request) -> bool:
    return False


def _routes(log: Any) -> StateRoutes:
    return StateRoutes(log, admits=_nobody, are_numbers_open=True, is_stopping=lambda: False, version="1")


async def _ready(routes: StateRoutes) -> Response:
    return await routes.ready(Request({"type": "http"}))


def test_who_asks_is_answered_while_the_log_stands_still() -> None:
    """With what is known, though the commit that is tried never ends; and however many ask, one is tried."""
    log = Standing()

    async def ask() -> list[int]:
        routes = _routes(log)
        return [answer.status_code for answer in await asyncio.gather(*(_ready(routes) for _ in range(5)))]

    assert asyncio.run(ask()) == [503] * 5
    assert len(log.pending) == 1


def test_once_it_goes_on_another_commit_is_tried() -> None:
    """The answer is that commit's, be it good or bad."""
    log = Standing()

    async def ask() -> list[int]:
        routes = _routes(log)
        found = []
        for error in (StorageError("The disk is full."), None):
            asking = asyncio.create_task(_ready(routes))
            while not log.pending:
                await asyncio.sleep(0)
            attempt = log.pending.pop()
            if error is None:
                log.trouble = None
                attempt.set_result(None)
            else:
                attempt.set_exception(error)
            found.append((await asking).status_code)
        return found

    assert asyncio.run(ask()) == [503, 200]
