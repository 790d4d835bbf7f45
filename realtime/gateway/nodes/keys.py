"""Names the keys in Redis: all begin with `{prefix}:`, whose braces put them into one slot of a Cluster. Pure."""

from __future__ import annotations

from typing import Final

from redis.crc import REDIS_CLUSTER_HASH_SLOTS, key_slot

SLOTS: Final = REDIS_CLUSTER_HASH_SLOTS


class Keys:
    """Builds names below one prefix."""

    def __init__(self, prefix: str) -> None:
        self.tag = f"{{{prefix}}}"
        self.slot = key_slot(self.tag.encode())

    def of(self, *words: str) -> str:
        """Return the key `{prefix}:word:word…`; the last word may have colons of its own."""
        return ":".join((self.tag, *words))

    @property
    def pattern(self) -> str:
        """Return what all keys of the prefix match, for an access control list."""
        return f"{self.tag}:*"
