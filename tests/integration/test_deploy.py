"""The files in deploy/: what they copy is enough to run, what they set is known, and their own tools accept them."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import pytest
import yaml  # type: ignore[import-untyped]  # no stubs are among the tools

from realtime.bench.launch import clean_environment, free_port
from realtime.bench.process import Process
from realtime.config import KEYS, Settings, variable_of
from realtime.gateway.nodes.link import Link
from tests.support.redis_server import RedisServer

ROOT: Final = Path(__file__).parents[2]
DEPLOY: Final = ROOT / "deploy"
DOCKERFILE: Final = (DEPLOY / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
SERVICE: Final = (DEPLOY / "tideboard.service").read_text(encoding="utf-8")
OWN: Final = {"TIDEBOARD_HOST", "TIDEBOARD_UPSTREAM", "TIDEBOARD_APPS", "TIDEBOARD_GATEWAYS"}
"""The proxies', not Tideboard's."""
ALONE: Final = "compose.yaml"
BALANCED: Final = "compose.balanced.yaml"


def instructions(name: str) -> list[str]:
    """Return what the Dockerfile says under an instruction, in order."""
    return [line.removeprefix(name).strip() for line in DOCKERFILE.splitlines() if line.startswith(f"{name} ")]


def compose(name: str = ALONE) -> dict[str, Any]:
    """Read a compose file."""
    read: dict[str, Any] = yaml.safe_load((DEPLOY / name).read_text(encoding="utf-8"))
    return read


def test_every_variable_that_is_set_is_a_setting() -> None:
    """One that Tideboard doesn't know would stop its start."""
    known = {variable_of(key) for key in KEYS} | OWN
    for path in DEPLOY.iterdir():
        assert set(re.findall(r"TIDEBOARD_[A-Z_]+", path.read_text(encoding="utf-8"))) <= known, path.name


def test_what_the_image_copies_is_enough_to_run_the_command_it_runs(tmp_path: Path) -> None:
    """On every address, with a secret, as the image's health check wants it."""
    for line in instructions("COPY"):
        *sources, target = line.split()
        for source in sources:
            found, into = ROOT / source, tmp_path / "app" / target
            if found.is_dir():
                shutil.copytree(found, into, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                (into if target.endswith("/") else into.parent).mkdir(parents=True, exist_ok=True)
                shutil.copy2(found, into)
    command = [sys.executable, *json.loads(instructions("CMD")[-1])[1:]]
    port = free_port()
    settings = {
        variable_of("secret"): "a secret of more than 32 characters",
        variable_of("data_dir"): str(tmp_path / "data"),
    }
    with Process(
        [*command, f"--server.port={port}"], cwd=tmp_path / "app", port=port, log=tmp_path / "log",
        environ=clean_environment({**settings, "HOME": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"}),
        ready_path="/api/health/ready",
    ) as process:  # fmt: skip
        process.wait_ready()
        assert not list((tmp_path / "app").rglob("__pycache__")), "the image's code is read-only"
    check = json.loads(instructions("HEALTHCHECK")[0].partition("CMD ")[2])
    assert "/api/health/ready" in check[-1]
    compile(check[-1], "HEALTHCHECK", "exec")


@pytest.mark.parametrize("name", [ALONE, BALANCED])
def test_a_compose_file_joins_what_is_there(name: str) -> None:
    """Its volumes and networks are declared, its files exist, and the proxy that is trusted is the one beside it."""
    told = compose(name)
    for service in told["services"].values():
        for volume in service.get("volumes", []):
            source = volume.partition(":")[0]
            assert source in told["volumes"] or (DEPLOY / source).is_file()
        assert set(service["networks"]) <= set(told["networks"])
    boards = [service for service in told["services"].values() if "build" in service]
    for board in boards:
        assert (DEPLOY / board["build"]["context"] / board["build"]["dockerfile"]).is_file()
        subnet = told["networks"]["inside"]["ipam"]["config"][0]["subnet"]
        assert board["environment"]["TIDEBOARD_TRUSTED_PROXIES"] == subnet
        assert "ports" not in board, "only the proxy is reached from outside"
    assert len({board["volumes"][0] for board in boards}) == len(boards), "a data folder is one process's"


def test_the_balancer_knows_the_apps_beside_it() -> None:
    """By the compose file and by the Caddyfile's own defaults, and the apps share one Redis, the other file's."""
    told = compose(BALANCED)
    apps = [f"{name}:8501" for name, service in told["services"].items() if "build" in service]
    assert len(apps) == 2
    environment = told["services"]["balancer"]["environment"]
    written = (DEPLOY / "Caddyfile.balanced").read_text(encoding="utf-8")
    for variable in ("TIDEBOARD_APPS", "TIDEBOARD_GATEWAYS"):
        assert environment[variable].split() == apps
        assert set(re.findall(rf"{{\${variable}:([^}}]*)}}", written)) == {" ".join(apps)}
    redis, alone = told["services"]["redis"], compose()["services"]["redis"]
    assert redis["command"][:-1] == alone["command"][:-1]
    for key in ("image", "healthcheck", "volumes"):
        assert redis[key] == alone[key]


@pytest.mark.parametrize("password", ["", "hidden-word"])
def test_the_redis_of_the_compose_file_will_do(caplog: pytest.LogCaptureFixture, password: str) -> None:
    """Its command starts a server that keeps what it has, is reached by the address told there, and is healthy."""
    told = compose()["services"]["redis"]
    said = {"${REDIS_PASSWORD:-}": password}
    words = [said.get(word, word) for word in told["command"]]
    settings = {key.removeprefix("--"): f'"{value}"' for key, value in zip(words[1::2], words[2::2], strict=True)}
    written = (DEPLOY / "compose.yaml").read_text(encoding="utf-8")
    [url] = re.findall(r"TIDEBOARD_REDIS_URL=(redis://\S+)", written)
    with RedisServer(settings=settings, password=password) as server, caplog.at_level("WARNING"):
        url = url.replace("${REDIS_PASSWORD}", password).replace("redis:6379", server.address)
        link = Link.of(Settings(redis_url=url))
        link.check()
        link.close()
        kind, command = told["healthcheck"]["test"]
        environ = {**os.environ, "REDISCLI_AUTH": password}
        here = command.replace("redis-cli", f"redis-cli -p {server.port}")
        healthy = subprocess.run(here, shell=True, env=environ, capture_output=True, timeout=20, check=False)
        assert (kind, healthy.returncode) == ("CMD-SHELL", 0)
    assert caplog.messages == []
    dead = subprocess.run(here, shell=True, env=environ, capture_output=True, timeout=20, check=False)
    assert dead.returncode != 0


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd-analyze here")
def test_systemd_accepts_the_unit(tmp_path: Path) -> None:
    """With the interpreter where the unit says it is, it finds nothing to complain about."""
    [command] = re.findall(r"^ExecStart=(.*)$", SERVICE, re.MULTILINE)
    unit = tmp_path / "tideboard.service"
    unit.write_text(SERVICE.replace(shlex.split(command)[0], sys.executable), encoding="utf-8")
    done = subprocess.run(["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, timeout=30)
    complaints = [line for line in done.stderr.splitlines() if "tideboard.service" in line]
    assert complaints == []
