"""Makes live fragments: parts of a page, with Streamlit's own widgets, that rerun alone when a topic changes."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

import streamlit as st

from realtime.live.changes import changed
from realtime.live.runtime import current
from realtime.ui.components import mount, nothing
from realtime.ui.hold import hold_envelope
from realtime.ui.person import current_person, person_envelope

P = ParamSpec("P")
R = TypeVar("R")


def live(
    *topics: str, at_most_per_s: float = 4.0, key: str | None = None
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Make a function a fragment that reruns when one of its topics changes: `@live("collection:orders")`.

    Topics: `collection:<name>`, `users`, `system`, `feed`, `collections`, `connection`. No polling; at
    most `at_most_per_s` reruns a second, never while one is running, not while real-time is held. Give a `key` where
    the same function is called several times on a page with arguments that print alike.
    """
    if not topics:
        raise ValueError('A live fragment needs at least one topic: @live("collection:orders").')

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(function)
        def followed(*args: P.args, **kwargs: P.kwargs) -> R:
            # Read before the function runs: what changes while it does asks for another run.
            topics_read = {"topics": sorted(set(topics))}
            caster = current().caster_of(changed, topics_read)
            cast = caster.current(changed, topics_read, person=current_person().id)
            result = function(*args, **kwargs)
            name = key or _key_of(function, (topics, args, sorted(kwargs.items())))
            run = f"{name}.run"
            st.session_state[run] = st.session_state.get(run, 0) + 1
            data = {
                "view": changed.name,
                "kind": "trigger",
                "channel": cast.channel,
                "ticket": cast.ticket,
                "version": cast.version,
                "epoch": cast.epoch,
                "run": st.session_state[run],
                "perSecond": at_most_per_s,
                "hold": hold_envelope(),
                "person": person_envelope(),
            }
            mount("trigger", data, key=name, on={"changed": nothing})
            return result

        return st.fragment(followed)

    return decorate


def _key_of(function: Callable[..., Any], arguments: Any) -> str:
    # A digest, because Streamlit allows no "__" in a component's key and a page's module is `__main__`.
    identity = repr((function.__module__, function.__qualname__, arguments))
    return f"tideboard.live:{hashlib.sha256(identity.encode()).hexdigest()[:12]}"
