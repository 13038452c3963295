"""All hosts of a platform's job, seen from its shared folder: how the job stands, and its results in one place."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil

from smc_core.contract import JobPaths, write_atomic
from smc_core.local.merging import merge_all
from smc_core.local.record import COMPLETED, FAILED, LOST, RUNNING, STOPPED, Record, load
from smc_core.local.shared import OWNER_FILE, Shared
from smc_core.process import log

_MEMBER = re.compile(r"rank-(\d+)(-task-\d+)?")
_WORST_FIRST = (FAILED, LOST, RUNNING, STOPPED, COMPLETED)


def members(top: str) -> dict[str, Record]:
    """The latest run of each host that has begun: its folder's name → its record, in the order of the ranks.

    Args:
        top: the job's folder.

    """
    names = [name for name in os.listdir(top) if _MEMBER.fullmatch(name)]
    found: dict[str, Record] = {}
    for name in sorted(names, key=lambda name: [int(number) for number in re.findall(r"\d+", name)]):
        os.listdir(os.path.join(top, name))  # opened: NFS then looks again at what it has cached of it
        record = load(os.path.join(top, name))
        if record is not None:
            found[name] = record
    return found


def of_all_hosts(folder: str, record: Record) -> Record:
    """The record that stands for a whole job: of the host that is worst off; of a job of one host, its own.

    Args:
        folder: the job's folder, or a link to it.
        record: the record found in it.

    """
    top = os.path.realpath(folder)
    if len(record.site.get("hosts") or ()) < 2 or not os.path.isfile(os.path.join(top, OWNER_FILE)):
        return record
    found = list(members(top).values()) or [record]
    failed = [each for each in found if each.status == FAILED]
    if failed:
        return min(failed, key=lambda each: each.ended or 0.0)
    return min(found, key=lambda each: _WORST_FIRST.index(each.status) if each.status in _WORST_FIRST else 0)


def bring_together(shared: Shared, record: Record) -> None:
    """Leave the outcome of the whole job in its folder, as far as this host can know it.

    The first host that fails leaves its failure there. The last that completes merges the models and the further output
    of all. An error is only logged: the job has ended.

    Args:
        shared: the folders of this host.
        record: its record, which has been saved.

    """
    paths = JobPaths(shared.top)
    try:
        if record.status in (FAILED, STOPPED):
            if os.path.isfile(record.paths.failure) and not os.path.exists(paths.failure):
                os.makedirs(paths.output, exist_ok=True)
                shutil.copyfile(record.paths.failure, paths.failure)
            return
        found = members(shared.top)
        ranks = {int(name.split("-")[1]) for name in found}
        complete = all(each.status == COMPLETED for each in found.values())
        if complete and len(ranks) == len(record.site["hosts"]) and _is_last(shared.top, found):
            merge_all(shared.top, [name for name in found if not _is_elsewhere(found[name])])
            write_atomic(paths.success, b"")
    except OSError as error:
        log.line(f"the results of the hosts cannot all be merged: {error}; each host's are in {shared.top}/rank-N")


def _is_last(top: str, found: dict[str, Record]) -> bool:
    """Whether this host is the one to merge these runs: several may have seen that all have completed."""
    runs = "\n".join(each.folder for each in found.values())
    claim = os.path.join(top, f".together-{hashlib.sha256(runs.encode()).hexdigest()[:16]}")
    with contextlib.suppress(FileExistsError):
        os.mkdir(claim)
        return True
    return False


def _is_elsewhere(record: Record) -> bool:
    """Whether its model is in the platform's own folder."""
    return os.path.islink(record.paths.model)
