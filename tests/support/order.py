"""Decides the order in which files go out to several workers. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain, zip_longest
from typing import Final

PAGES: Final = "tests/browser/"
LONG: Final = (
    "tests/bench/test_measuring_pages.py",
    "tests/bench/test_measuring.py",
    "tests/integration/test_two_gateways.py",
    "tests/gateway/test_http_events.py",
    "tests/gateway/nodes/test_refill.py",
    "tests/gateway/test_http_documents.py",
    "tests/client/test_inboxes_gateway.py",
    "tests/conformance/test_servers.py",
    "tests/integration/test_start.py",
    "tests/gateway/test_revocations.py",
    "tests/gateway/test_redelivery.py",
    "tests/gateway/test_flags.py",
    "tests/gateway/nodes/test_finding.py",
    "tests/integration/test_recovery.py",
    "tests/gateway/test_socket.py",
    "tests/gateway/nodes/test_refill_model.py",
    "tests/gateway/test_http_channels.py",
    "tests/client/test_gateway.py",
    "tests/gateway/test_contract.py",
    "tests/gateway/test_lens.py",
    "tests/integration/test_sample.py",
    "tests/gateway/test_rights_table.py",
    "tests/integration/test_shutdown.py",
    "tests/integration/test_leaks.py",
    "tests/gateway/nodes/test_failover.py",
    "tests/cli/test_tail.py",
)
"""What takes long without a browser, longest first: most of it waits, for time limits and for Redis."""


def in_turns(files: Iterable[str]) -> list[str]:
    """Return the files so that those with a browser, which use the cores, go out in turn with those that wait.

    Short ones come last: whoever gets the last file is then soon done.
    """
    given = list(dict.fromkeys(files))
    pages = [file for file in given if file.startswith(PAGES)]
    long = [file for file in LONG if file in given]
    turns = [file for file in chain.from_iterable(zip_longest(long, pages)) if file is not None]
    return list(dict.fromkeys([*turns, *given]))
