"""The record of a local job keeps no secrets, and a job is resumed without them."""

from __future__ import annotations

import json
import os
import stat
import threading
from pathlib import Path

from tests.local.desks import Desk

from smc_core.contract import write_atomic
from smc_core.local.request import Request
from smc_core.local.withheld import Withheld, without_secrets

SECRETS = ("hunter22-of-db", "token-of-hub-1", "word-in-a-url")


def test_a_job_with_secrets_and_one_that_goes_on_from_it(desk: Desk) -> None:
    desk.write(
        "train.py",
        "import os, sys\n"
        "print(sys.argv[1:], os.environ['HUB_TOKEN'], os.environ['TRACKING'])\n"
        "os.makedirs(os.environ['SAGEMAKER_BASE_DIR'] + '/checkpoints', exist_ok=True)\n",
    )
    options = ["-p", f"db_pass={SECRETS[0]}", "-p", "epochs=1", "-e", f"HUB_TOKEN={SECRETS[1]}"]
    url = f"https://me:{SECRETS[2]}@host/"
    desk.run("train.py", "--name", "one", *options, "-e", f"TRACKING={url}")
    folder = desk.job("one")
    text = (folder / "job.json").read_text()
    assert not [secret for secret in SECRETS if secret in text]
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / "job.json").stat().st_mode) == 0o600
    assert json.loads(text)["withheld"] == {
        "hyperparameters": ["db_pass"],
        "variables": ["HUB_TOKEN", "TRACKING"],
        "target": False,
    }

    refused = desk.smc("run", "--resume", "one")
    assert refused.exit_code == 2
    assert refused.stderr.strip().endswith(
        "--resume one: secrets are not stored in the record of a job; give them again: -e HUB_TOKEN=… -e TRACKING=…"
    )
    desk.environ["TRACKING"] = url
    again = desk.run("--resume", "one", "-e", "HUB_TOKEN=another", "--name", "two")
    assert f"['--db_pass', '{SECRETS[0]}', '--epochs', '1'] another {url}" in again.stdout
    assert SECRETS[0] not in (desk.job("two") / "job.json").read_text()


def test_a_url_with_credentials_is_withheld() -> None:
    request = Request(
        "https://me:word@host/code.zip?sig=1", hyperparameters={"db": '{"password": "hunter22"}', "n": "1"}
    )
    kept, withheld = without_secrets(request)
    assert kept.target == "https://****@host/code.zip?****"
    assert kept.hyperparameters == {"db": '{"password": "****"}', "n": "1"}
    assert withheld == Withheld(["db"], target=True)
    assert without_secrets(Request("https://host/code.zip"))[1] == Withheld()


def test_a_private_file_is_never_readable_by_others(tmp_path: Path) -> None:
    """Watched while it is written a thousand times, whatever the umask: neither it nor its temporary name is."""
    seen: set[int] = set()
    done = threading.Event()

    def watch() -> None:
        while not done.is_set():
            for entry in os.scandir(tmp_path):
                try:
                    seen.add(stat.S_IMODE(entry.stat().st_mode))
                except FileNotFoundError:
                    continue

    watcher = threading.Thread(target=watch)
    watcher.start()
    before = os.umask(0)
    try:
        for number in range(1000):
            write_atomic(tmp_path / "job.json", b"%d" % number, 0o600)
    finally:
        os.umask(before)
        done.set()
        watcher.join()
    assert seen == {0o600}
