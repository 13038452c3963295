"""The files exchanged between the job's processes and the supervisor: their names, and how large each may be."""

from __future__ import annotations

REFUSED = "error"
"""Used instead of a class where an argument parser has refused something: the prefix that it prints."""
COMMAND_FILE = "command.json"
REPORT_PREFIX = "report-"
RESERVE_FILE = "reserve"
"""Created by the supervisor with allocated blocks: the first report goes there when the disk is full."""

MAX_MESSAGE = 16 * 1024
MAX_TRACEBACK = 64 * 1024
"""Characters of a report's message and traceback; a longer traceback loses its middle."""
MAX_NOTES = 6
MAX_NOTE = 300
MAX_REPORT_BYTES = 192 * 1024
"""Size of a report, and of the reserve; a longer one loses more of its traceback."""
