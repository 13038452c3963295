"""What a failing process writes for the supervisor."""

from __future__ import annotations

import errno
import json
import os
import time

import pytest

from smc_core.errors import CodeError, ConfigurationError, HostError, UserCodeError
from smc_core.process.report import writer
from smc_core.process.report.reader import read_reports

SECRET = "correct horse battery"


@pytest.fixture
def environ(tmp_path):
    (tmp_path / "reports").mkdir()
    return {
        "SMC_REPORT_DIR": str(tmp_path / "reports"),
        "SAGEMAKER_BASE_DIR": str(tmp_path),
        "SM_CURRENT_HOST": "algo-1",
        "DB_PASSWORD": SECRET,
    }


@pytest.fixture
def written(tmp_path):
    """The reports, the earliest first."""
    return lambda: [json.loads(path.read_text()) for path in sorted((tmp_path / "reports").glob("report-*.json"))]


@pytest.fixture
def raised(tmp_path):
    """Runs text as the user's module; gives the exception that it raises."""

    def run(text, error=None, name="train.py"):
        (tmp_path / "code").mkdir(exist_ok=True)
        path = tmp_path / "code" / name
        path.write_text(text)
        try:
            exec(compile(text, path, "exec"), {"__name__": "train", "error": error})
        except BaseException as caught:
            return caught.with_traceback(caught.__traceback__.tb_next)  # without this test's own frame
        raise AssertionError("nothing was raised")

    return run


def test_an_exception_of_the_user(environ, written, raised, tmp_path):
    error = raised("def train():\n    raise ValueError('bad')\n\ntrain()\n")
    writer.write_report(error, phase="train", environ=environ)
    (report,) = written()
    traceback = report.pop("traceback")
    assert abs(report.pop("time") - time.time()) < 60
    assert 0 <= time.monotonic() - report.pop("monotonic") < 60
    assert report == {
        "pid": os.getpid(),
        "host": "algo-1",
        "rank": None,
        "phase": "train",
        "kind": "user",
        "type": "ValueError",
        "message": "bad",
        "exit_call": "",
        "exit_code": 1,
        "expected": False,
        "place": "train.py:2, in train",
        "child_stderr": None,
        "notes": [],
        "explanation": "",
        "details": "",
    }
    assert traceback.splitlines()[:2] == [
        "Traceback (most recent call last):",
        f'  File "{tmp_path}/code/train.py", line 4, in <module>',
    ]


@pytest.mark.parametrize("variable", ["RANK", "OMPI_COMM_WORLD_RANK", "PMI_RANK"])
def test_the_rank(variable, environ, written, raised):
    writer.write_report(raised("1 / 0"), phase="train", environ={**environ, variable: "5"})
    assert written()[0]["rank"] == 5


@pytest.mark.parametrize(
    ("error", "phase", "kind", "code", "expected"),
    [
        (ConfigurationError("x"), "environment", "user", 2, True),
        (CodeError("x"), "code", "user", 4, True),
        (HostError("x"), "hosts", "platform", 5, True),
        (UserCodeError("x"), "train", "user", 1, False),
        (ValueError("x"), "load", "user", 1, False),
        (ValueError("x"), "save", "user", 1, False),
        (ValueError("x"), "plugins", "smc", 70, False),
        (ValueError("x"), "launch", "smc", 70, False),
        (MemoryError("x"), "requirements", "platform", 70, False),
        (OSError(errno.ENOSPC, "x"), "code", "platform", 70, False),
        (SystemExit(3), "train", "user", 3, False),
        (SystemExit("x"), "train", "user", 1, False),
        (KeyboardInterrupt(), "code", "user", 130, False),
    ],
)
def test_who_can_mend_it(error, phase, kind, code, expected, environ, written, raised):
    assert raised("raise error", error) is error
    assert writer.exit_code(error, phase) == code
    writer.write_report(error, phase=phase, environ=environ)
    (report,) = written()
    assert (report["kind"], report["exit_code"], report["expected"]) == (kind, code, expected)


@pytest.mark.parametrize("code", [None, 0, False, 256])
def test_an_exit_that_is_a_success_is_not_reported(code, environ, written):
    writer.write_report(SystemExit(code), phase="script", environ=environ)
    assert written() == []


def test_the_exception_behind_a_failure_of_the_users_code(environ, written, raised):
    error = raised(
        "from smc_core.errors import UserCodeError\n"
        "try:\n    {}['x']\nexcept KeyError as cause:\n    raise UserCodeError('train() failed') from cause\n"
    )
    writer.write_report(error, phase="train", environ=environ)
    (report,) = written()
    assert (report["type"], report["message"], report["place"]) == ("KeyError", "'x'", "train.py:3, in <module>")


def test_what_smc_itself_finds_wrong_with_the_users_model_has_no_place_in_smc(environ, written):
    found = UserCodeError("the model has no data")
    with pytest.raises(UserCodeError) as caught:
        exec(compile("raise found", writer.__file__, "exec"), {"found": found})  # a frame of smc
    writer.write_report(found.with_traceback(caught.tb.tb_next), phase="save", environ=environ)
    (report,) = written()
    assert (report["message"], report["place"]) == ("the model has no data", "")


def test_secrets_are_masked(environ, written, raised):
    error = raised(
        f"def f(x):\n    raise ValueError(x)\n\ntry:\n    f({SECRET!r})\nexcept ValueError as e:\n    raise KeyError({SECRET!r}) from e"
    )
    writer.write_report(error, phase="train", environ=environ)
    (report,) = written()
    assert SECRET not in json.dumps(report)
    assert report["message"] == "'****'"
    assert SECRET not in writer.user_traceback(error, environ)


@pytest.mark.parametrize(("phase", "advice"), [("script", True), ("load", True), ("code", False), ("plugins", False)])
def test_a_module_that_smc_misses_is_not_the_users_to_require(phase, advice, environ, written, raised):
    error = raised(
        "try:\n    import obstore_of_nobody\nexcept ImportError as e:\n    raise error from e", CodeError("x")
    )
    writer.write_report(error, phase=phase, environ=environ)
    (report,) = written()
    assert any("requirements.txt" in note for note in report["notes"]) == advice
    assert any("obstore_of_nobody" in note for note in report["notes"])


@pytest.mark.parametrize("letter", ["x", "\u4e2d", "\U0001f600"])
def test_a_report_of_any_letters_fits_and_can_be_read(letter, environ, raised, tmp_path):
    lines = "\n".join(f"    # {letter * 90}" for _ in range(9000))
    error = raised(f"raise ValueError({letter!r} * 100_000)\n{lines}")
    error.__cause__ = ValueError(letter * 100_000)
    writer.write_report(error, phase="train", environ=environ)
    (path,) = (tmp_path / "reports").glob("report-*.json")
    assert path.stat().st_size <= writer.MAX_REPORT_BYTES
    (report,) = read_reports(str(tmp_path / "reports"))
    assert report.message.startswith(letter * 1000)
    assert report.traceback


def test_a_message_without_end(environ, written, raised):
    writer.write_report(raised("raise ValueError('x' * 10_000_000)"), phase="train", environ=environ)
    (report,) = written()
    assert len(report["message"]) == writer.MAX_MESSAGE
    assert len(report["traceback"]) < writer.MAX_TRACEBACK + 100
    assert report["traceback"].startswith("Traceback")


def test_frames_of_smc_and_of_libraries_are_not_the_users(raised, environ):
    """The place is the user's own last frame, the traceback begins at the user's first."""
    error = raised(
        "import json\ndef load():\n    json.loads('')\n\nfrom smc_core.functions import call\ncall(load, environment=None)\n"
        if False
        else "import json\ndef load():\n    json.loads('')\n\nload()\n"
    )
    lines = writer.user_traceback(error, environ).splitlines()
    assert lines[1].endswith('train.py", line 5, in <module>')
    assert "json" in lines[-3] or "decode" in lines[-3]


@pytest.mark.parametrize("folder", [None, "", "/no/such/folder", "/dev/null"])
def test_it_never_raises(folder, raised):
    environ = {} if folder is None else {"SMC_REPORT_DIR": folder}
    writer.write_report(raised("1 / 0"), phase="train", environ=environ)
    writer.note_command("process", "script", 1, environ)


def test_the_reserve_is_for_one(environ, written, raised, tmp_path, monkeypatch):
    """On a full disk, the first process to claim it writes its report there."""
    (tmp_path / "reports" / "reserve").write_bytes(bytes(100_000))

    def full(path, content):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("smc_core.contract.write_atomic", full)
    for number in range(3):
        writer.write_report(raised(f"raise ValueError({number})"), phase="train", environ=environ)
    assert [report["message"] for report in written()] == ["0"]


def test_the_note(environ, tmp_path):
    writer.note_command("group", "script", 3, environ)
    note = json.loads((tmp_path / "reports" / "command.json").read_text())
    assert note == {"signals": "group", "mode": "script", "hosts": 3, "code_dir": str(tmp_path / "code")}


def test_function_mode_as_a_whole(job):
    """A module's own exception, through smc's hooks and back."""
    job.write(
        "train.py",
        "def train(epochs: int = 3):\n    return helper(epochs)\n\ndef helper(n):\n    raise ValueError(f'bad {n}')\n",
    )
    result = job.run("train.py")
    assert (result.exit_code, result.first_line) == (1, "ValueError: bad 3 (train.py:5, in helper)")
    assert "Phase: train; exit code 1." in result.failure
    for told in (result.failure, result.stderr):
        frames = [line for line in told.splitlines() if line.startswith("  File ")]
        assert len(frames) == 2
        assert all("train.py" in frame for frame in frames)


def test_an_error_before_the_users_code(job):
    result = job.run("no_such_file.py")
    assert result.exit_code != 0
    assert result.failure is not None
    assert "Traceback" not in result.failure
