"""Says what pages need to know of somebody's rights. Protocols and their answer where nobody is restricted."""

from __future__ import annotations

from typing import Any, Literal, Protocol, TypeAlias

Action: TypeAlias = Literal["read", "create", "update", "delete", "ingest", "admin"]


class Permission(Protocol):
    """What somebody may do: a profile, as far as pages look."""

    @property
    def key(self) -> str:
        """Return what is the same for all who may do the same."""

    @property
    def roles(self) -> tuple[str, ...]:
        """Return the roles that this comes from, as a token names them."""

    @property
    def is_admin(self) -> bool: ...  # noqa: D102

    def may(self, action: Action, collection: str | None = None, document: dict[str, Any] | None = None) -> bool:
        """Tell whether an action is allowed: on a document, somewhere in a collection, or, without one, anywhere."""

    def hears(self, channel: str) -> bool:
        """Tell whether anything of a channel is seen."""

    def missing(self, action: Action, place: str = "") -> str:
        """Say in one sentence which right is missing, and whom to ask."""


class Unrestricted:
    """What everybody may where no roles are configured: everything."""

    key = ""
    roles: tuple[str, ...] = ()
    is_admin = True

    def may(self, action: Action, collection: str | None = None, document: dict[str, Any] | None = None) -> bool:  # noqa: ARG002
        """Tell that it is allowed."""
        return True

    def hears(self, channel: str) -> bool:  # noqa: ARG002
        """Tell that it is seen."""
        return True

    def missing(self, action: Action, place: str = "") -> str:  # noqa: ARG002
        """Say nothing: nothing is missing."""
        return ""
