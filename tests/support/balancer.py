"""Runs several app processes behind the balancer of deploy/, sharing a gateway or a Redis."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

import msgspec

from tests.support.processes import Process, free_port, start_app, start_gateway
from tests.support.redis_server import RedisServer
from tests.support.waiting import until

API_KEY: Final = "a key that only tests know, of some length"
SHAPES: Final = ("one gateway", "a gateway each, on Redis, with roles")
_CADDYFILE: Final = Path(__file__).parents[2] / "deploy" / "Caddyfile.balanced"
_SECRET: Final = "a secret that all processes of these tests share"
_ROLES: Final = """
[roles.default]
actions = ["read"]
collections = ["*"]
channels = ["system", "users"]
"""


class Balanced:
    """Two apps behind a balancer, with what they share: a gateway, or a Redis."""

    def __init__(
        self, folder: Path, shared: Process | RedisServer, *, extra: Mapping[str, str], stack: ExitStack
    ) -> None:
        self.shared = shared
        self._folder = folder
        self._stack = stack
        self._extra = extra
        self.apps = [self._start(number) for number in range(2)]
        for app in self.apps:
            app.wait_ready()

    def balance(self, gateways: Sequence[Process]) -> None:
        """Put the balancer before the apps, and before `gateways` for the API; none: the apps' own."""
        self._balancer = self._stack.enter_context(balancer(self._folder, self.apps, gateways or self.apps))
        self._balancer.wait_ready()

    @property
    def base_url(self) -> str:
        """Return the address that browsers and producers know."""
        return self._balancer.base_url

    def people_at(self, number: int) -> set[str]:
        """Return whose tabs an app holds to be its own, as it has written them down."""
        path = self._folder / f"data-{number}" / "here.json"
        return set(msgspec.json.decode(path.read_bytes(), type=list[str])) if path.exists() else set()

    def app_of(self, person: str) -> int:
        """Return which app has a person's tab, as soon as exactly one has."""
        found = until(
            lambda: [n for n in range(len(self.apps)) if person in self.people_at(n)], what=f"{person} is here"
        )
        assert len(found) == 1
        return found[0]

    def restart(self, number: int) -> None:
        """Start an app again that was killed, on its port and its data."""
        self.apps[number] = self._start(number, port=self.apps[number].port)
        self.apps[number].wait_ready()

    def _start(self, number: int, *, port: int | None = None) -> Process:
        return self._stack.enter_context(start_app(self._folder / f"data-{number}", port=port, extra=self._extra))


@contextmanager
def balanced(shape: str, folder: Path, *, extra: Mapping[str, str]) -> Iterator[Balanced]:
    """Run two apps of a shape (SHAPES) behind the balancer, from ready to stopped."""
    common = {
        "TIDEBOARD_SECRET": _SECRET,
        "TIDEBOARD_API_KEY": API_KEY,
        "TIDEBOARD_TRUSTED_PROXIES": "127.0.0.1",
        **extra,
    }
    with ExitStack() as stack:
        gateways = []
        shared: Process | RedisServer
        if shape == SHAPES[0]:
            shared = stack.enter_context(start_gateway(folder / "data-gateway", extra=common))
            shared.wait_ready()
            gateways.append(shared)
            common["TIDEBOARD_GATEWAY_URL"] = shared.base_url
        else:
            shared = stack.enter_context(RedisServer())
            common["TIDEBOARD_REDIS_URL"] = shared.url
            (folder / "roles.toml").write_text(_ROLES)
            common["TIDEBOARD_CONFIG"] = str(folder / "roles.toml")
        running = Balanced(folder, shared, extra=common, stack=stack)
        running.balance(gateways)
        yield running


def balancer(folder: Path, apps: Sequence[Process], gateways: Sequence[Process]) -> Process:
    """Start the balancer as deploy/ has it, without TLS, without waiting for it."""
    caddy = shutil.which("caddy")
    assert caddy is not None, "These tests need Caddy: install it (on Debian: apt-get install caddy)."
    port = free_port()
    environ = {
        **os.environ,
        "HOME": str(folder),
        "XDG_DATA_HOME": str(folder),
        "XDG_CONFIG_HOME": str(folder),
        "TIDEBOARD_HOST": f"http://127.0.0.1:{port}",
        "TIDEBOARD_APPS": " ".join(f"127.0.0.1:{app.port}" for app in apps),
        "TIDEBOARD_GATEWAYS": " ".join(f"127.0.0.1:{gateway.port}" for gateway in gateways),
    }
    return Process(
        [caddy, "run", "--config", str(_CADDYFILE), "--adapter", "caddyfile"],
        cwd=folder, port=port, environ=environ, log=folder / "balancer.log", ready_path="/_stcore/health",
    )  # fmt: skip
