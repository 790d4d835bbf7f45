"""Names the views, so that a ticket can carry a name and the caster can find the function. No rendering in here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from realtime.errors import NotHere

if TYPE_CHECKING:
    from realtime.store import Store

Kind: TypeAlias = Literal[
    "chart", "numbers", "feed", "table", "connection", "cards", "record", "ledger", "outbox",
    "filters", "strip", "people", "person", "switches",
    "bell", "banner", "toasts", "centre",
]  # fmt: skip
Value: TypeAlias = dict[str, Any]
"""What a view renders: a JSON object; its shape is fixed per kind (docs/architecture.md)."""

_VIEWS: dict[str, View] = {}


@dataclass(frozen=True, slots=True)
class View:
    """A pure function of the store and its parameters, with the topics it reads.

    `refresh_s` asks for a recomputation at least so often, for values that change by the clock alone.
    `while_hidden`: tabs that nobody sees follow it too, such as for a number in their title. Keep such a view small.
    Calling the view is calling the function: `view(store, now=…, **parameters)`.
    """

    name: str
    kind: Kind
    topics: Callable[..., tuple[str, ...]]
    render: Callable[..., Value]
    refresh_s: float | None = None
    while_hidden: bool = False

    def __call__(self, store: Store, *, now: float, **parameters: Any) -> Value:
        """Render the view's value at `now` (unix seconds)."""
        return self.render(store, now=now, **parameters)


def view(
    *,
    kind: Kind,
    topics: tuple[str, ...] | Callable[..., tuple[str, ...]],
    refresh_s: float | None = None,
    while_hidden: bool = False,
) -> Callable[[Callable[..., Value]], View]:
    """Register a function `render(store, *, now, **parameters)` as the view `<module>.<function>`.

    `topics` are the store's topics it reads: fixed, or computed from the parameters.
    Raises ValueError when another function already has the name.
    """

    def fixed(**_parameters: Any) -> tuple[str, ...]:
        return topics  # type: ignore[return-value]  # only used when topics is a tuple

    def register(render: Callable[..., Value]) -> View:
        name = f"{render.__module__.rsplit('.', 1)[-1]}.{render.__name__}"
        known = _VIEWS.get(name)
        if known is not None and known.render.__module__ != render.__module__:
            raise ValueError(f"Two views are named {name}: {known.render.__module__} and {render.__module__}.")
        found = View(name, kind, topics if callable(topics) else fixed, render, refresh_s, while_hidden)
        _VIEWS[name] = found
        return found

    return register


def lookup(name: str) -> View:
    """Find a view by the name a ticket carries. Raises NotHere when there is none.

    Threads: any, once the modules that define views are imported.
    """
    found = _VIEWS.get(name)
    if found is None:
        raise NotHere(f"This process knows no view named {name[:80]!r}; reload the page.")
    return found


def names() -> tuple[str, ...]:
    """List the names of all views, sorted."""
    return tuple(sorted(_VIEWS))
