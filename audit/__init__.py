"""The record: what was asked, decided and done, in a file that shows when it was changed.

    log           the writer: one file, one chain, one process
    places        where logs lie and how their directory is opened
    canonical     the one way in which a record is written as bytes
    reading       raw lines, records, the list of logs
    chain         the links between lines, and how they break
    findings      what may be found in a log
    verification  what is wrong with a log, and what a file alone cannot show
    rows          a log as rows for a table
    errors        AuditError and what is below it

The room knows nothing of models or tools; the events are its callers'. The format: docs/audit-format.md.
"""

from .canonical import JSON
from .errors import AuditError, ReadError, RecordError, WriteError
from .findings import Finding, Kind
from .log import AuditLog, Receipt
from .places import state_directory
from .reading import LogFile, Reading, Record, read, sessions
from .rows import Row, table
from .verification import Verification, verify

__all__ = [
    "JSON",
    "AuditError",
    "AuditLog",
    "Finding",
    "Kind",
    "LogFile",
    "ReadError",
    "Reading",
    "Receipt",
    "Record",
    "RecordError",
    "Row",
    "Verification",
    "WriteError",
    "read",
    "sessions",
    "state_directory",
    "table",
    "verify",
]
