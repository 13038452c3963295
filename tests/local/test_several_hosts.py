"""``smc run --hosts N``: several supervised hosts on this machine, one job."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess

import pytest

from smc_core.testing import Result, Running

MEET = """
import json, os, socket, time
me, hosts, master = os.environ["SM_CURRENT_HOST"], json.loads(os.environ["SM_HOSTS"]), os.environ["SM_MASTER_ADDR"]
if me == master:
    server = socket.create_server((me, PORT))
    for _ in hosts[1:]:
        connection, (address, _) = server.accept()
        assert connection.makefile().read() == "hello"
        print("met", address, flush=True)
else:
    while True:
        try:
            connection = socket.create_connection((master, PORT), source_address=(me, 0))
            break
        except ConnectionRefusedError:
            time.sleep(0.01)
    connection.sendall(b"hello")
    connection.close()
"""


@pytest.fixture
def meet() -> str:
    """A script in which the first host meets all the others, at a port that is free now."""
    import socket

    with socket.create_server(("127.0.0.1", 0)) as server:
        return MEET.replace("PORT", str(server.getsockname()[1]))


def limited(sysctl: str) -> list[str]:
    """The beginning of a command line that runs what follows where a kind of namespace cannot be made."""
    command = ["unshare", "--user", "--map-root-user", "sh", "-c", f'echo 0 > /proc/sys/user/{sysctl}; exec "$@"', "sh"]
    if shutil.which("unshare") is None or subprocess.run([*command, "true"], capture_output=True).returncode:
        pytest.skip("no user namespace can be made here")
    return command


def test_each_host_finds_the_others_by_name_and_has_an_address_of_its_own(desk, meet: str) -> None:
    desk.write("train.py", meet)
    ended = desk.run("train.py", "--hosts", "3")
    met = sorted(line for line in ended.stdout.splitlines() if " met " in line)
    assert met == ["[algo-1] met 127.0.0.2", "[algo-1] met 127.0.0.3"]


def test_where_no_names_can_be_given_hosts_are_called_by_their_addresses(desk, meet: str) -> None:
    desk.write("train.py", meet)
    ended = desk.smc("run", "train.py", "--hosts", "2", prefix=limited("max_mnt_namespaces"))
    assert ended.exit_code == 0, ended.stderr
    assert "cannot set up host names on this machine (" in ended.stderr
    assert ended.stdout == "[127.0.0.1] met 127.0.0.2\n"


def test_a_user_who_is_not_root_has_names_too(desk, meet: str) -> None:
    prefix = ["unshare", "--user", "--map-user=12345", "--map-group=12345"]
    if shutil.which("unshare") is None or subprocess.run([*prefix, "unshare", "-Um", "true"], check=False).returncode:
        pytest.skip("no user namespace can be made here")
    desk.write("train.py", meet)
    assert desk.smc("run", "train.py", "--hosts", "2", prefix=prefix).stdout == "[algo-1] met 127.0.0.2\n"


def test_each_host_has_its_own_folder_and_the_same_checkpoints(desk) -> None:
    desk.write("data/a")
    desk.write(
        "train.py",
        "import os, pathlib, socket\n"
        "base = pathlib.Path(os.environ['SAGEMAKER_BASE_DIR'])\n"
        "host = os.environ['SM_CURRENT_HOST']\n"
        "assert (base.name, socket.gethostname()) == (host, host)\n"
        "assert os.listdir(os.environ['SM_CHANNEL_TRAINING']) == ['a']\n"
        "(base / 'checkpoints' / host).write_text(os.environ['SM_CURRENT_HOST_RANK'])\n",
    )
    desk.run("train.py", "--hosts", "2", "-c", "training=data", "--name", "two")
    job = desk.job()
    assert {path.name: path.read_text() for path in (job / "checkpoints").iterdir()} == {"algo-1": "0", "algo-2": "1"}
    assert (job / "output/success").exists()
    assert (job / "algo-2/output/success").exists()
    assert b"smc: script mode" in (job / "algo-2/log.txt").read_bytes()
    assert desk.jobs()[0]["hosts"] == ["algo-1", "algo-2"]


def test_models_are_merged_as_the_platform_does(desk) -> None:
    desk.write(
        "train.py",
        "import os, pathlib\n"
        "model, host = pathlib.Path(os.environ['SM_MODEL_DIR']), os.environ['SM_CURRENT_HOST']\n"
        "(model / 'parts').mkdir()\n"
        "(model / 'parts' / host).write_text(host)\n"
        "(model / 'weights').write_text(host)\n",
    )
    ended = desk.run("train.py", "--hosts", "2")
    model = desk.job() / "model"
    assert sorted(path.name for path in (model / "parts").iterdir()) == ["algo-1", "algo-2"]
    assert (model / "weights").read_text() == "algo-1"
    assert "several hosts have written weights in model/" in ended.stderr


def test_a_link_is_merged_as_a_link_be_it_to_a_file_or_to_a_folder(desk) -> None:
    desk.write(
        "train.py",
        "import os, pathlib\n"
        "model, host = pathlib.Path(os.environ['SM_MODEL_DIR']), os.environ['SM_CURRENT_HOST']\n"
        "(model / f'step-{host}').mkdir()\n"
        "(model / f'step-{host}' / 'weights').write_text(host)\n"
        "for name in (f'of-{host}', 'latest'): (model / name).symlink_to(f'step-{host}')\n",
    )
    ended = desk.run("train.py", "--hosts", "2")
    model = desk.job() / "model"
    assert os.readlink(model / "of-algo-2") == "step-algo-2"
    assert (model / "of-algo-2/weights").read_text() == "algo-2"
    assert os.readlink(model / "latest") == "step-algo-1"
    assert "several hosts have written latest in model/" in ended.stderr


@pytest.mark.parametrize("first", ["file", "folder", "link"])
def test_a_folder_and_something_else_of_one_name_clash_and_all_else_is_merged(desk, first: str) -> None:
    desk.write(
        "train.py",
        "import os, pathlib, sys\n"
        "model, host = pathlib.Path(os.environ['SM_MODEL_DIR']), os.environ['SM_CURRENT_HOST']\n"
        "def write(kind):\n"
        "    if kind == 'file': (model / 'x').write_text(host)\n"
        "    elif kind == 'link': (model / 'x').symlink_to('of-algo-1')\n"
        "    else: ((model / 'x/deep').mkdir(parents=True), (model / 'x/deep/part').write_text(host))\n"
        "(model / f'of-{host}').mkdir()\n"
        "second = 'file' if sys.argv[2] == 'folder' else 'folder'\n"
        "write(sys.argv[2] if host == 'algo-1' else second)\n"
        "(model / 'z').mkdir()\n"
        "(model / 'z' / host).touch()\n",
    )
    ended = desk.run("train.py", "--hosts", "2", "-p", f"first={first}")
    model = desk.job() / "model"
    assert "several hosts have written x in model/" in ended.stderr
    kept = {"file": model / "x", "folder": model / "x/deep/part"}
    assert first not in kept or kept[first].read_text() == "algo-1"
    assert list((model / "of-algo-1").iterdir()) == []  # nothing was written through a link
    assert sorted(path.name for path in (model / "z").iterdir()) == ["algo-1", "algo-2"]
    assert desk.jobs()[0]["status"] == "completed"


def test_a_job_whose_results_cannot_be_merged_is_told_and_has_its_outcome(desk) -> None:
    desk.write(
        "train.py",
        "import os, pathlib\n"
        "base = pathlib.Path(os.environ['SAGEMAKER_BASE_DIR'])\n"
        "(base / 'model/weights').touch()\n"
        "if base.name == 'algo-1': ((base.parent / 'model').rmdir(), (base.parent / 'model').touch())\n",
    )
    ended = desk.run("train.py", "--hosts", "2")
    assert f"cannot all be merged: [Errno 17] File exists: '{desk.job()}/model'; each host's are in" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert not (desk.job() / "output/success").exists()
    assert [job["status"] for job in desk.jobs()] == ["completed"]


def test_the_first_failure_ends_all(desk) -> None:
    desk.write(
        "train.py",
        "import os, signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(print('saved', flush=True)))\n"
        "if os.environ['SM_CURRENT_HOST'] == 'algo-2':\n"
        "    while len(os.listdir(os.environ['SAGEMAKER_BASE_DIR'] + '/checkpoints')) < 2: time.sleep(0.01)\n"
        "    raise ValueError('no good')\n"
        "open(os.environ['SAGEMAKER_BASE_DIR'] + '/checkpoints/' + os.environ['SM_CURRENT_HOST'], 'w')\n"
        "time.sleep(600)\n",
    )
    ended = desk.smc("run", "train.py", "--hosts", "3", "--name", "bad")
    assert ended.exit_code == 1
    assert sorted(ended.stdout.splitlines()) == ["[algo-1] saved", "[algo-3] saved"]
    assert "smc: algo-2 failed with exit code 1: stopping the other hosts" in ended.stderr
    assert (desk.job() / "output/failure").read_text().startswith("ValueError: no good")
    assert desk.jobs()[0]["failure"].startswith("ValueError: no good")


STUBBORN = """
import signal, sys, time
def stop(*_):
    print("asked", flush=True)
    if sys.argv[2] == "polite":
        sys.exit(0)
signal.signal(signal.SIGTERM, stop)
print("on", flush=True)
while True:
    time.sleep(600)
"""


def read_until(running: Running[Result], lines: set[str]) -> None:
    running.wait_until(lambda: lines <= set(running.stdout.splitlines()))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_stops_all_with_grace(desk, number: int) -> None:
    desk.write("train.py", STUBBORN)
    running = desk.start("run", "train.py", "--hosts", "2", "-p", "kind=polite")
    read_until(running, {"[algo-1] on", "[algo-2] on"})
    running.send(number)
    read_until(running, {"[algo-1] asked", "[algo-2] asked"})
    assert running.wait().exit_code == 0
    assert desk.jobs()[0]["status"] == "stopped"


def test_ctrl_c_twice_kills_all(desk) -> None:
    desk.write("train.py", STUBBORN)
    running = desk.start("run", "train.py", "--hosts", "2", "-p", "kind=stubborn")
    read_until(running, {"[algo-1] on", "[algo-2] on"})
    running.send(signal.SIGINT)
    read_until(running, {"[algo-1] asked", "[algo-2] asked"})
    running.send(signal.SIGINT)
    assert running.wait().exit_code == 128 + 9


def test_lines_stay_whole_behind_their_prefix(desk) -> None:
    desk.write(
        "train.py", "import os\nfor n in range(3000): os.write(1, b'%d ' % n + b'x' * 80 + b'\\n')\nos.write(1, b'end')"
    )
    ended = desk.run("train.py", "--hosts", "2")
    for host in ("algo-1", "algo-2"):
        lines = [line for line in ended.stdout.splitlines() if line.startswith(f"[{host}] ")]
        assert lines == [*(f"[{host}] {n} {'x' * 80}" for n in range(3000)), f"[{host}] end"]
        own = (desk.job() / host / "log.txt").read_text()
        assert own.endswith("end")
        assert "[" not in own


def test_resumed_hosts_share_the_earlier_checkpoints(desk) -> None:
    desk.write(
        "train.py",
        "import os, pathlib\nfolder = pathlib.Path(os.environ['SAGEMAKER_BASE_DIR'], 'checkpoints')\n"
        "print(sorted(p.name for p in folder.iterdir()) if len(os.listdir(folder)) > 1 else '-')\n"
        "(folder / os.environ['SM_CURRENT_HOST']).touch()\n",
    )
    desk.run("train.py", "--hosts", "2", "--name", "one")
    ended = desk.run("--resume", "one")
    assert sorted(ended.stdout.splitlines()) == [f"[algo-{n}] ['algo-1', 'algo-2']" for n in (1, 2)]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--hosts", "0"], "from 1 to 99"),
        (["--hosts", "many"], "invalid int value"),
        (["--hosts", "2", "--requirements"], "use --venv"),
    ],
)
def test_what_is_refused(desk, arguments: list[str], message: str) -> None:
    desk.write("train.py")
    ended = desk.smc("run", "train.py", *arguments)
    assert ended.exit_code == 2
    assert message in ended.stderr
    assert desk.jobs() == []


def test_plan_shows_the_first_host(desk) -> None:
    desk.write("train.py")
    content = json.loads(desk.smc("plan", "train.py", "--hosts", "2", "--name", "one", "--json").stdout)
    assert content["variables"]["SM_HOSTS"]["value"] == '["algo-1","algo-2"]'
    assert content["variables"]["SM_MODEL_DIR"]["value"].endswith("/one/algo-1/model")
    assert desk.jobs() == []
