"""The documents: complete where they say they are, and true where that can be checked."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from realtime.config import KEYS
from realtime.gateway.endpoints import ENDPOINTS
from realtime.protocol.codes import DisconnectCode, ErrorCode, hang_up, refuse
from realtime.protocol.events import EVENT_CLASSES

ROOT = Path(__file__).parent.parent
PROTOCOL = (ROOT / "docs" / "protocol.md").read_text(encoding="utf-8")
OPERATIONS = ROOT / "docs" / "operations.md"
ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")


def codes_raised() -> Iterator[str]:
    """Find the codes that the source gives to EventError and to HTTP problems."""
    for path in (ROOT / "realtime").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.args:
                first = node.args[0]
                is_coded = node.func.id in {"EventError", "problem"}
                if is_coded and isinstance(first, ast.Constant) and isinstance(first.value, str):
                    yield first.value


def test_every_refusal_code_is_explained() -> None:
    """A producer that gets a code finds it in the table."""
    found = set(codes_raised())
    assert len(found) > 20, "the search has to find the codes at all"
    assert [code for code in sorted(found - {"refused"}) if f"`{code}`" not in PROTOCOL] == []


@pytest.mark.parametrize("type_", sorted(EVENT_CLASSES))
def test_every_event_type_is_explained(type_: str) -> None:
    """With all its fields."""
    [row] = [line for line in PROTOCOL.splitlines() if line.startswith(f"| `{type_}`")]
    fields = EVENT_CLASSES[type_].__struct_encode_fields__
    assert [field for field in fields if not re.search(rf"\b{field}\b", row)] == []


def test_every_route_is_listed() -> None:
    """In the words of the table the routes are made from."""
    listed = {f"{each.method} {re.sub(r':whole', '', each.path)}" for each in ENDPOINTS}
    assert [route for route in sorted(listed) if f"`{route}`" not in PROTOCOL] == []


def test_every_code_of_the_wire_is_listed_with_its_words() -> None:
    """Errors and disconnects alike."""
    rows = [tuple(cell.strip() for cell in line.split("|")) for line in PROTOCOL.splitlines() if line.startswith("|")]
    told = {(row[i], row[i + 1]) for row in rows for i in range(len(row) - 1)}
    assert [code for code in ErrorCode if (str(int(code)), refuse(code).message) not in told] == []
    assert [code for code in DisconnectCode if (str(int(code)), hang_up(code).reason) not in told] == []


def test_every_setting_is_explained() -> None:
    """By its key and by its variable."""
    text = OPERATIONS.read_text(encoding="utf-8")
    assert [key for key in KEYS if f"`{key}`" not in text or f"`TIDEBOARD_{key.upper()}`" not in text] == []


def test_every_room_is_on_the_map() -> None:
    """A new room has to be drawn."""
    rooms = [path.name for path in (ROOT / "realtime").iterdir() if (path / "__init__.py").exists()]
    assert [room for room in rooms if f"realtime/{room}/" not in ARCHITECTURE] == []


def test_links_and_commands_of_the_readme_exist() -> None:
    """A newcomer follows them."""
    links = re.findall(r"\]\(([^)#]+)\)", README)
    assert [link for link in links if "://" not in link and not (ROOT / link).exists()] == []
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = set(re.findall(r"^make ([a-z]+)", README, re.MULTILINE))
    assert named <= targets
    assert {"run", "test"} <= named
