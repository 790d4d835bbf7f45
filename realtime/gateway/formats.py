"""Lists the gateway's databases with the newest version of their tables that is known here, and refuses newer ones."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from realtime.gateway import audit_file, derived_file, flags, revocations_file, schema
from realtime.gateway.nodes import copy_file
from realtime.migrations import check_format

FORMATS: Final = {
    schema.LOG_NAME: len(schema.STEPS),
    audit_file.FILE_NAME: len(audit_file.STEPS),
    revocations_file.FILE_NAME: len(revocations_file.STEPS),
    flags.FILE_NAME: len(flags.STEPS),
    derived_file.FILE_NAME: len(derived_file.STEPS),
    copy_file.FILE_NAME: len(copy_file.STEPS),
}


def check_formats(folder: Path) -> None:
    """Refuse a data folder with a database of a newer Tideboard, before anything is opened. Raises StartError."""
    for name, known in FORMATS.items():
        check_format(folder / name, known=known)
