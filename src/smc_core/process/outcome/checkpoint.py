"""Whether a stopped job left a checkpoint to resume from."""

from __future__ import annotations

import os

_MOST_ENTRIES = 100_000
"""Files and folders that are looked at."""
_UNFINISHED = (".tmp", ".temp", ".part", ".partial", ".incomplete", ".lock", "~")
"""Ends of the names of files that are still being written."""
_CLOCK_STEP = 2.0
"""Seconds by which a file system's times may be coarser than the clock."""


def was_left(folder: str, since: float) -> bool:
    """Whether a folder has a finished file that was written during the job.

    That is a file with content, whose name does not begin with a dot or end as those of unfinished files do, and that
    was last changed after the job began. smc cannot know more of a format that the script chooses.

    Args:
        folder: the checkpoint folder.
        since: when the job began, in seconds since 1970.

    """
    folders, seen = [folder], 0
    while folders:
        try:
            with os.scandir(folders.pop()) as entries:
                for entry in entries:
                    seen += 1
                    if seen > _MOST_ENTRIES:
                        return False
                    if entry.name.startswith(".") or entry.name.endswith(_UNFINISHED):
                        continue
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(entry.path)
                    elif entry.is_file(follow_symlinks=False):
                        state = entry.stat(follow_symlinks=False)
                        if state.st_size and state.st_mtime >= since - _CLOCK_STEP:
                            return True
        except OSError:
            continue
    return False
