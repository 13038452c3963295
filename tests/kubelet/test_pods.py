"""What a kubelet learns of a pod's end."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest
from tests.kubelet.kubelet import MOST_OF_A_REASON, pods

_NAMESPACES = ["unshare", "--pid", "--fork", "--mount", "--uts", "true"]
pytestmark = pytest.mark.skipif(
    shutil.which("unshare") is None or subprocess.run(_NAMESPACES, capture_output=True, check=False).returncode != 0,
    reason="namespaces need root, which these tests do not have",
)
STUBBORN = "import signal, time\nsignal.signal(15, signal.SIG_IGN)\nprint('ready', flush=True)\ntime.sleep(600)\n"
SAVES = (
    "import os, signal, sys, time\n"
    "def save(*_):\n"
    "    os.makedirs(os.environ['SM_CHECKPOINT_DIR'], exist_ok=True)\n"
    "    open(os.path.join(os.environ['SM_CHECKPOINT_DIR'], {name!r}), 'w').write({content!r})\n"
    "    sys.exit({code})\n"
    "signal.signal(15, save)\nprint('ready', flush=True)\ntime.sleep(600)\n"
)


def test_the_reason_of_a_failure(tmp_path: Path) -> None:
    with pods(tmp_path) as (pod,):
        pod.start("raise ValueError('no such column')\n")
        assert pod.wait() == 1
        assert pod.reason.startswith("ValueError: no such column (train.py:1, in <module>)\n")
        assert pod.reason == (pod.base / "output/failure").read_text()[: len(pod.reason)]


def test_the_reason_of_a_success(tmp_path: Path) -> None:
    with pods(tmp_path) as (pod,):
        pod.start("print('trained')\n")
        assert pod.wait() == 0
        assert pod.reason.startswith("completed after ")


def test_a_long_reason_is_cut_between_characters(tmp_path: Path) -> None:
    with pods(tmp_path) as (pod,):
        pod.start("raise ValueError('ä€😀' * 3000)\n")
        assert pod.wait() == 1
        size = len(pod.reason.encode())
        assert MOST_OF_A_REASON - 4 < size <= MOST_OF_A_REASON


def test_a_secret_is_not_in_the_reason(tmp_path: Path) -> None:
    with pods(tmp_path, API_TOKEN="hunter2hunter2") as (pod,):
        pod.start("import os\nraise ValueError(os.environ['API_TOKEN'])\n")
        assert pod.wait() == 1
        assert "hunter2" not in pod.reason
        assert "ValueError" in pod.reason


def test_the_reason_of_a_refusal(tmp_path: Path) -> None:
    with pods(tmp_path, SMC_STOP_GRACE="soon") as (pod,):
        pod.start("print('trained')\n")
        assert pod.wait() == 2
        assert pod.reason.startswith("ConfigurationError: variable SMC_STOP_GRACE is 'soon'")


def test_the_reason_of_a_stop(tmp_path: Path) -> None:
    with pods(tmp_path) as (pod,):
        pod.start(SAVES.format(name="step-3", content="w", code=3))
        pod.read_until("ready")
        assert pod.stop() == 3
        assert pod.reason.startswith("Stopped by SIGTERM: ")


def test_sigint_is_a_stop_where_there_is_no_terminal(tmp_path: Path) -> None:
    """It is how dstack stops; and an image can ask for it with STOPSIGNAL."""
    with pods(tmp_path, SMC_STOP_GRACE="0.5") as (pod,):
        pod.start(
            "import signal, time\nsignal.signal(2, signal.SIG_IGN)\nprint('ready', flush=True)\ntime.sleep(600)\n"
        )
        pod.read_until("ready")
        assert pod.stop(number=signal.SIGINT) == 137
        assert pod.reason.startswith("Stopped by SIGINT: the script did not stop within 0.5 s (SMC_STOP_GRACE)")


def test_the_grace_is_that_of_kubernetes(tmp_path: Path) -> None:
    with pods(tmp_path) as (pod,):
        pod.start(STUBBORN)
        pod.read_until("ready")
        assert pod.stop(grace=0.3) == 137
        first = pod.reason.splitlines()[0]
        assert first.startswith("Stopping: SIGTERM at ")
        assert first.endswith(" UTC, the script has 25 s")
        assert (pod.base / "output/failure").read_text() == pod.reason
        assert not (pod.base / "output/success").exists()


@pytest.mark.slow
def test_a_pod_that_outlives_its_grace_always_leaves_its_reason(tmp_path: Path) -> None:
    """The kubelet kills PID 1 without a word: what is on disk by then is the truth."""
    missing = []
    for number in range(100):
        with pods(tmp_path / str(number)) as (pod,):
            pod.start(STUBBORN)
            pod.read_until("ready")
            code = pod.stop(grace=0.05)
            if code != 137 or not pod.reason.startswith("Stopping: SIGTERM at "):
                missing.append((number, code, pod.reason))
    assert missing == []


def test_a_killed_pid_1_leaves_no_wrong_word(tmp_path: Path) -> None:
    with pods(tmp_path) as (pod,):
        pod.start(STUBBORN)
        pod.read_until("ready")
        pod.kill()
        assert pod.wait() == 137
        assert pod.reason == ""
        assert not (pod.base / "output/success").exists()


@pytest.mark.parametrize(
    ("name", "content", "code", "expected"),
    [
        ("step-3", "weights", 0, 75),
        ("step-3", "weights", 3, 75),
        ("step-3.tmp", "weights", 0, 0),
        ("step-3", "", 0, 0),
        (".step-3", "weights", 3, 3),
    ],
)
def test_the_exit_code_of_a_stop_with_a_checkpoint(
    tmp_path: Path, name: str, content: str, code: int, expected: int
) -> None:
    with pods(tmp_path, SMC_EXIT_STOPPED="75") as (pod,):
        pod.start(SAVES.format(name=name, content=content, code=code))
        pod.read_until("ready")
        assert pod.stop() == expected
        assert ("exit code 75 (SMC_EXIT_STOPPED)" in pod.reason) == (expected == 75)
        assert (pod.base / "output/success").exists() == (expected == 0)
        assert (pod.base / "output/failure").exists() == (expected != 0)


def test_a_failure_never_has_the_exit_code_of_a_stop(tmp_path: Path) -> None:
    with pods(tmp_path, SMC_EXIT_STOPPED="75") as (pod,):
        pod.start(
            "import os\nos.makedirs(os.environ['SM_CHECKPOINT_DIR'])\n"
            "open(os.environ['SM_CHECKPOINT_DIR'] + '/a', 'w').write('w')\nraise ValueError('bad')\n"
        )
        assert pod.wait() == 1


def test_an_old_checkpoint_does_not_count(tmp_path: Path) -> None:
    with pods(tmp_path, SMC_EXIT_STOPPED="75") as (pod,):
        (pod.base / "checkpoints").mkdir()
        old = pod.base / "checkpoints/old"
        old.write_text("weights")
        os.utime(old, (1, 1))
        pod.start("import time\nprint('ready', flush=True)\ntime.sleep(600)\n")
        pod.read_until("ready")
        assert pod.stop() == 143


@pytest.mark.parametrize("text", ["0", "1", "5", "126", "70", "soon"])
def test_an_exit_code_that_means_something_else_is_refused(tmp_path: Path, text: str) -> None:
    with pods(tmp_path, SMC_EXIT_STOPPED=text) as (pod,):
        pod.start("print('trained')\n")
        assert pod.wait() == 2
        assert "SMC_EXIT_STOPPED" in pod.reason.splitlines()[0]


def test_hosts_of_an_indexed_job(tmp_path: Path) -> None:
    code = (
        "import os\nprint(os.environ['SM_HOSTS'], os.environ['SM_CURRENT_HOST'], os.environ['SM_CURRENT_HOST_RANK'],"
        " os.environ['SM_MASTER_ADDR'], flush=True)\n"
    )
    with pods(tmp_path, 2, SMC_HOST_COUNT="2", SM_STUDIO_LOCAL_MODE="true") as both:
        names = [f"digits-{index}.jobs.ml.svc.cluster.local" for index in (0, 1)]
        for index, pod in enumerate(both):
            pod.start(code)
            pod.read_until(f'["{names[0]}","{names[1]}"] {names[index]} {index} {names[0]}')
            assert pod.wait() == 0


def test_a_launcher_needs_the_number_of_pods(tmp_path: Path) -> None:
    """Without a plugin the launcher is missing anyway; the plugin's own tests have it with torchrun."""
    with pods(tmp_path, 1, SMC_LAUNCHER="torchrun") as (pod,):
        pod.start("print('trained')\n")
        assert pod.wait() in (2, 3)


@pytest.mark.parametrize("kind", ["absent", "link", "folder", "fifo"])
def test_only_a_regular_file_that_exists_gets_the_reason(tmp_path: Path, kind: str) -> None:
    target = tmp_path / "target"
    target.write_text("precious")
    place = tmp_path / "place"
    if kind == "link":
        place.symlink_to(target)
    elif kind == "folder":
        place.mkdir()
    elif kind == "fifo":
        os.mkfifo(place)
    with pods(tmp_path, SMC_TERMINATION_LOG=str(place)) as (pod,):
        pod.start("raise ValueError('bad')\n")
        assert pod.wait() == 1
    assert target.read_text() == "precious"
    assert place.exists() == (kind != "absent")
