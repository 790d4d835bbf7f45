"""Claims about the ground everything stands on: locks, licence, Makefile, scripts, and what may not be in a file."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

import realtime

ROOT = Path(__file__).resolve().parents[1]
_TARGETS = ("help", "run", "test", "check", "bench", "soak", "screenshots", "lock")
_TEXT = {".py", ".toml", ".md", ".sh", ".js", ".css", ".json", ".yaml", ".yml", ".lock", ".svg", ".html", ".csv", ""}
# Put together here, so that this file doesn't hold what it forbids.
_MACHINE_PATHS = tuple(f"/{folder}/" for folder in ("work", "root", "home/[a-z]", "Users", "opt/wheels"))
_PACKAGE_HOSTS = ("index-url", "find-links", "trusted-host", "pythonhosted", "pypi.org/" + "simple")


@cache
def _tracked() -> tuple[Path, ...]:
    done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if done.returncode:
        pytest.skip("not a git checkout: what is tracked isn't known")
    return tuple(path for name in done.stdout.decode().split("\0") if name and (path := ROOT / name).is_file())


@cache
def _project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


@cache
def _lock(name: str) -> tuple[tuple[Requirement, int], ...]:
    """Read a lock: each requirement, and how many hashes it has."""
    text = (ROOT / name).read_text().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    return tuple((Requirement(line.split("--hash")[0]), line.count("--hash=sha256:")) for line in lines)


def _pins(name: str) -> dict[str, set[str]]:
    pins: dict[str, set[str]] = {}
    for requirement, _ in _lock(name):
        pins.setdefault(canonicalize_name(requirement.name), set()).add(str(requirement.specifier))
    return pins


def _run_script(name: str, *arguments: str, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, "PYTHON": "", **variables}
    return subprocess.run(
        ["/bin/sh", str(ROOT / "scripts" / name), *arguments],
        cwd=cwd, env=environ, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def _script(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(["#!/bin/sh", *lines, ""]))
    path.chmod(0o755)
    return path


def test_no_tracked_file_names_a_machine_or_a_package_host() -> None:
    """Paths of somebody's machine and addresses of package indexes stay out of the project."""
    pattern = re.compile("|".join([*(rf"(?<![\w.~-]){path}" for path in _MACHINE_PATHS), *_PACKAGE_HOSTS]))
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:80]}"
        for path in _tracked()
        if path.suffix in _TEXT
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if pattern.search(line) and path != Path(__file__)
    ]
    assert found == []


def test_no_tracked_file_is_large() -> None:
    """Nothing above a megabyte, and no data folder, is in the repository."""
    assert [
        path for path in _tracked() if path.stat().st_size > 1_000_000 or "data" in path.relative_to(ROOT).parts
    ] == []


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-dev.lock"])
def test_every_pin_has_one_version_and_hashes(name: str) -> None:
    """A lock leaves nothing open."""
    loose = [str(pin) for pin, hashes in _lock(name) if not hashes or not re.fullmatch(r"==[^*]+", str(pin.specifier))]
    assert loose == []


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-dev.lock"])
def test_the_lock_is_in_step_with_the_project(name: str) -> None:
    """Every dependency is pinned to a version the project allows; `make lock` after a change."""
    wanted = [Requirement(text) for text in _project()["project"]["dependencies"]]
    if "dev" in name:
        wanted += [Requirement(text) for text in _project()["dependency-groups"]["dev"]]
    pins = _pins(name)
    for requirement in wanted:
        versions = pins.get(canonicalize_name(requirement.name))
        assert versions, f"{requirement.name} isn't in {name}"
        assert all(requirement.specifier.contains(Version(version.removeprefix("=="))) for version in versions)


def test_the_development_lock_holds_the_other_one() -> None:
    """Installing it serves `make run` too; scripts/environment.sh counts on that."""
    development = _pins("requirements-dev.lock")
    assert {name: development.get(name) for name in _pins("requirements.lock")} == _pins("requirements.lock")


def test_the_version_is_said_once() -> None:
    """The package's version and the project's are the same."""
    assert _project()["project"]["version"] == realtime.__version__


def test_the_licence_is_apache_2() -> None:
    """The full text, as its authors publish it."""
    text = (ROOT / "LICENSE").read_bytes()
    assert hashlib.md5(text, usedforsecurity=False).hexdigest() == "86d3f3a95c324c9479bd8986968f4327"


def test_the_changelog_has_its_order() -> None:
    """What isn't released stands first, and sections have the names of Keep a Changelog."""
    text = (ROOT / "CHANGELOG.md").read_text()
    assert re.findall(r"^## \[(.*?)\]", text, re.MULTILINE)[0] == "Unreleased"
    known = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
    assert set(re.findall(r"^### (.*)$", text, re.MULTILINE)) <= known


def test_every_room_says_what_it_is_for() -> None:
    """Each package and module of the product opens with a docstring."""
    silent = [
        str(path.relative_to(ROOT))
        for path in (ROOT / "realtime").rglob("*.py")
        if not path.read_text(encoding="utf-8").lstrip().startswith('"""')
    ]
    assert silent == []


def test_no_module_grows_beyond_reading() -> None:
    """A file of code has at most 400 lines."""
    long = [
        str(path.relative_to(ROOT))
        for path in (ROOT / "realtime").rglob("*.py")
        if len(path.read_text(encoding="utf-8").splitlines()) > 400
    ]
    assert long == []


def test_packaged_files_are_where_the_project_says() -> None:
    """Each pattern of package data matches something."""
    for package, patterns in _project()["tool"]["setuptools"]["package-data"].items():
        folder = ROOT / package.replace(".", "/")
        assert all(list(folder.glob(pattern)) for pattern in patterns), package


def test_make_prints_its_targets() -> None:
    """`make` alone is `make help`, and names every command once."""
    for arguments in ([], ["help"]):
        printed = subprocess.run(
            ["make", "-s", *arguments], cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout
        assert re.findall(r"^  make (\w+) {2,}\S", printed, re.MULTILINE) == list(_TARGETS)


def test_continuous_integration_runs_the_same_commands() -> None:
    """.ci/run is executable, stops at the first error, and calls make."""
    path = ROOT / ".ci" / "run"
    text = path.read_text()
    assert os.access(path, os.X_OK)
    assert "set -euo pipefail" in text
    assert re.findall(r"^make (\w+)$", text, re.MULTILINE) == ["check", "test"]


def test_a_missing_python_is_one_sentence(tmp_path: Path) -> None:
    """Who names a Python that isn't there hears what to do."""
    done = _run_script("environment.sh", "venv", "requirements.lock", cwd=tmp_path, PYTHON="python-of-nowhere")
    assert done.returncode == 2
    assert done.stderr.startswith("There is no 'python-of-nowhere' here: install Python 3.11 or newer")
    assert len(done.stderr.splitlines()) == 1


def test_an_old_python_is_one_sentence(tmp_path: Path) -> None:
    """So does who has only Python 3.9."""
    old = _script(tmp_path / "python3.9", 'case "$2" in *"%d.%d"*) echo 3.9;; *) exit 1;; esac')
    done = _run_script("environment.sh", "venv", "requirements.lock", cwd=tmp_path, PYTHON=str(old))
    assert done.returncode == 2
    assert done.stderr == (
        f"Tideboard needs Python 3.11 or newer, '{old}' is 3.9: say which to use, such as make … PYTHON=python3.12\n"
    )


def test_a_python_without_venv_is_one_sentence(tmp_path: Path) -> None:
    """Debian's python3 comes without; the package is named."""
    bare = _script(tmp_path / "python3", 'case "$2" in *"%d.%d"*) echo 3.13;; *ensurepip*) exit 1;; esac')
    done = _run_script("environment.sh", "venv", "requirements.lock", cwd=tmp_path, PYTHON=str(bare))
    assert done.returncode == 2
    assert "apt-get install python3-venv" in done.stderr


@pytest.fixture(name="environment")
def _environment(tmp_path: Path) -> Path:
    """Make a folder with two small locks and a virtual environment whose pip only notes what it was asked."""
    binaries = tmp_path / "venv" / "bin"
    binaries.mkdir(parents=True)
    _script(
        binaries / "python",
        'if [ "$1" = -m ]; then echo "$@" >>pip.log; exit "${PIP_FAILS:-0}"; fi',
        f'exec "{sys.executable}" "$@"',
    )
    for name in ("requirements.lock", "requirements-dev.lock"):
        (tmp_path / name).write_text(f"# {name}\n")
    return tmp_path


def _installs(folder: Path) -> int:
    log = folder / "pip.log"
    return len(log.read_text().splitlines()) if log.exists() else 0


def test_an_environment_is_filled_once(environment: Path) -> None:
    """Nothing is installed again until the lock changes; the development lock serves `make run` too."""
    for lock, expected in (
        ("requirements.lock", 1), ("requirements.lock", 1), ("requirements-dev.lock", 2), ("requirements-dev.lock", 2),
        ("requirements.lock", 2),
    ):  # fmt: skip
        assert _run_script("environment.sh", "venv", lock, cwd=environment).returncode == 0
        assert _installs(environment) == expected
    (environment / "requirements.lock").write_text("# changed\n")
    assert _run_script("environment.sh", "venv", "requirements.lock", cwd=environment).returncode == 0
    assert _installs(environment) == 3
    assert "--require-hashes -r requirements.lock" in (environment / "pip.log").read_text()


def test_a_failed_installation_is_tried_again(environment: Path) -> None:
    """A broken download doesn't count as installed."""
    done = _run_script("environment.sh", "venv", "requirements.lock", cwd=environment, PIP_FAILS="1")
    assert done.returncode == 1
    assert _run_script("environment.sh", "venv", "requirements.lock", cwd=environment).returncode == 0
    assert _installs(environment) == 2


def test_another_python_than_the_environments_is_told(environment: Path) -> None:
    """Who asks for another Python than the one the environment was made with isn't silently ignored."""
    other = _script(environment / "python3.99", "echo 3.99")
    done = _run_script("environment.sh", "venv", "requirements.lock", cwd=environment, PYTHON=str(other))
    assert done.returncode == 2
    assert "is for another Python" in done.stderr
    same = _run_script("environment.sh", "venv", "requirements.lock", cwd=environment, PYTHON=sys.executable)
    assert same.returncode == 0


def test_what_the_system_lacks_is_one_sentence(tmp_path: Path) -> None:
    """Who isn't root hears what the tests need; nothing is installed behind one's back."""
    _script(tmp_path / "id", "echo 1000")
    _script(tmp_path / "node", "exit 0")
    done = _run_script("system.sh", cwd=tmp_path, PATH=str(tmp_path))
    assert done.returncode == 2
    assert done.stderr == (
        "The tests need chromium npm redis-server caddy: install them "
        "(on Debian: sudo apt-get install chromium npm redis-server caddy), then try again.\n"
    )


def test_a_system_that_has_everything_is_left_alone(tmp_path: Path) -> None:
    """Any of Chromium's names will do, and Valkey for Redis."""
    for name in ("google-chrome", "node", "npm", "valkey-server", "caddy"):
        _script(tmp_path / name, "exit 0")
    done = _run_script("system.sh", cwd=tmp_path, PATH=str(tmp_path))
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
