"""A file arrives over HTTP whole and true, from servers that fail in every way that servers do."""

from __future__ import annotations

import contextlib
import gc
import gzip
import hashlib
import random
import socket
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from tests.code.conftest import Server, reply, tar_bytes, tree

from smc_core.code.fetch import asking, http, pace
from smc_core.code.fetch.download import download, fetch
from smc_core.errors import CodeError, ConfigurationError

TRAIN = {"train.py": b"print('trained')\n", "noise.bin": random.Random(0).randbytes(300_000)}
ARCHIVE = tar_bytes(TRAIN)
SOURCE = b"print('trained')\n"


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "FIRST_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(http, "LONGEST_PAUSE_SECONDS", 0.05)
    monkeypatch.setattr(http, "READ_SECONDS", 0.3)


def part(handler: BaseHTTPRequestHandler, *, keep: int | None = None, etag: str = '"one"') -> None:
    """Answer a Range as a good server does; hang up after ``keep`` bytes."""
    asked = handler.headers.get("Range")
    if asked is None or handler.headers.get("If-Range", etag) != etag:
        reply(ARCHIVE, keep=keep, ETag=etag)(handler)
        return
    begin = int(asked.removeprefix("bytes=").rstrip("-"))
    content_range = f"bytes {begin}-{len(ARCHIVE) - 1}/{len(ARCHIVE)}"
    reply(ARCHIVE[begin:], 206, keep=keep, ETag=etag, Content_Range=content_range)(handler)


def hang_up(handler: BaseHTTPRequestHandler) -> None:
    handler.connection.shutdown(socket.SHUT_RDWR)


def silence(handler: BaseHTTPRequestHandler) -> None:
    """Send half of it, and then nothing until the other side gives up."""
    reply(ARCHIVE, keep=len(ARCHIVE) // 2, ETag='"one"')(handler)
    handler.wfile.flush()
    handler.connection.settimeout(10)
    while handler.connection.recv(1000):
        pass


def test_an_archive_is_fetched_and_unpacked(server: Server, code: Path) -> None:
    fetched = fetch(server.serve("/a/code.tar.gz", reply(ARCHIVE)), str(code))
    assert tree(code) == TRAIN
    assert fetched.bytes == len(ARCHIVE)
    assert fetched.source == f"{server.url}/a/code.tar.gz"


@pytest.mark.parametrize(
    ("path", "query", "headers", "name"),
    [
        ("/train.py", "", {}, "train.py"),
        ("/my%20train.py", "", {}, "my train.py"),
        ("/train.py", "?version=2", {}, "train.py"),
        ("/download", "?id=3", {"Content_Disposition": 'attachment; filename="train.py"'}, "train.py"),
        ("/download", "", {"Content_Disposition": "attachment; filename*=UTF-8''train.py"}, "train.py"),
        ("/x", "", {"Content_Disposition": 'attachment; filename="../../etc/train.py"'}, "train.py"),
        ("/x", "", {"Content_Disposition": 'attachment; filename="..\\\\..\\\\train.py"'}, "train.py"),
        ("/x", "", {"Content_Disposition": 'attachment; filename=".."'}, "code"),
        ("/", "", {}, "code"),
    ],
)
def test_a_file_gets_its_name_from_the_server(
    server: Server, code: Path, path: str, query: str, headers: dict[str, str], name: str
) -> None:
    download(server.serve(path, reply(SOURCE, **headers)) + query, code)
    assert tree(code) == {name: SOURCE}


def test_an_archive_without_a_suffix_is_known_by_its_content(server: Server, code: Path) -> None:
    download(server.serve("/download", reply(ARCHIVE)) + "?id=3", code)
    assert tree(code) == TRAIN


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_a_server_in_trouble_is_asked_again(server: Server, code: Path, status: int) -> None:
    url = server.serve("/c.tar.gz", reply(b"busy", status), reply(b"", status, Retry_After="0"), reply(ARCHIVE))
    download(url, code)
    assert tree(code) == TRAIN
    assert len(server.requests) == 3


@pytest.mark.parametrize(
    "fault", [hang_up, reply(ARCHIVE, keep=1000), reply(ARCHIVE, length=len(ARCHIVE) + 10), silence]
)
def test_a_connection_that_breaks_is_made_again(server: Server, code: Path, fault) -> None:
    download(server.serve("/c.tar.gz", fault, fault, part), code)
    assert tree(code) == TRAIN


def test_it_goes_on_from_where_it_broke_off(server: Server, code: Path) -> None:
    """A server that hangs up after every 50,000 bytes; more often than it may fail in vain."""
    download(server.serve("/c.tar.gz", lambda handler: part(handler, keep=30_000)), code)
    assert tree(code) == TRAIN
    ranges = [request.headers.get("range") for request in server.requests]
    assert ranges == [None, *(f"bytes={begin}-" for begin in range(30_000, len(ARCHIVE), 30_000))]
    assert len(ranges) > http.ATTEMPTS
    assert {request.headers["if-range"] for request in server.requests[1:]} == {'"one"'}


def test_a_file_that_changed_meanwhile_is_fetched_anew(server: Server, code: Path) -> None:
    url = server.serve(
        "/c.tar.gz", reply(b"o" * len(ARCHIVE), keep=5000, ETag='"old"'), lambda handler: part(handler, etag='"new"')
    )
    download(url, code)
    assert tree(code) == TRAIN


@pytest.mark.parametrize("etag", ["", 'W/"weak"'])
def test_without_a_mark_of_the_version_it_begins_anew(server: Server, code: Path, etag: str) -> None:
    headers = {"ETag": etag} if etag else {}
    download(server.serve("/c.tar.gz", reply(ARCHIVE, keep=5000, **headers), reply(ARCHIVE)), code)
    assert tree(code) == TRAIN
    assert "range" not in server.requests[1].headers


@pytest.mark.parametrize(
    "answer",
    [
        reply(ARCHIVE),
        reply(ARCHIVE[9:], 206, Content_Range="bytes 9-99/100"),
        reply(ARCHIVE[9:], 206),
        reply(b"", 416),
    ],
    ids=["no ranges", "another range", "no Content-Range", "not satisfiable"],
)
def test_a_server_that_cannot_go_on_is_asked_for_all(server: Server, code: Path, answer) -> None:
    download(server.serve("/c.tar.gz", reply(ARCHIVE, keep=5000, ETag='"1"'), answer, reply(ARCHIVE)), code)
    assert tree(code) == TRAIN


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (reply(b"", 503), f"HTTP 503 Service Unavailable, {http.ATTEMPTS} times"),
        (
            reply(ARCHIVE, keep=500),
            f"the connection was closed after 500 of {len(ARCHIVE):,} bytes, {http.ATTEMPTS} times",
        ),
        (hang_up, f"{http.ATTEMPTS} times"),
        (reply(b"", 404), "HTTP 404 Not Found; there is nothing at this URL"),
        (reply(b"", 401), "HTTP 401 Unauthorized; the URL needs a user and password"),
        (reply(b"", 403), "HTTP 403 Forbidden; a signed URL may have expired"),
        (reply(b"", 410), "HTTP 410 Gone"),
        (reply(b"", 204), "HTTP 204 No Content"),
        (reply(b"<html>login", Content_Type="text/html; charset=utf-8"), "the server sent a web page, not an archive"),
        (reply(b"not a tar"), "is not an archive"),
        (reply(ARCHIVE[:1000]), "is truncated"),
        (reply(b""), "is empty"),
    ],
)
def test_a_failure_for_good_is_told_in_a_line(server: Server, code: Path, answer, message: str) -> None:
    (code / "train.py").write_text("baked")
    with pytest.raises(CodeError) as caught:
        download(server.serve("/c.tar.gz", answer), code)
    assert message in str(caught.value)
    assert str(caught.value).startswith(f"{server.url}/c.tar.gz ")
    assert "\n" not in str(caught.value)
    assert tree(code) == {"train.py": b"baked"}


def test_a_server_that_is_not_there_is_told_in_a_line(code: Path) -> None:
    with pytest.raises(CodeError, match=r"http://127\.0\.0\.1:1/c\.zip cannot be fetched: Connection refused, 6 times"):
        download("http://127.0.0.1:1/c.zip", code)


def test_a_host_without_a_name_is_told_in_a_line(code: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*args: object, **kwargs: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(CodeError, match="cannot be fetched: Name or service not known, 6 times"):
        download("http://no-such-host.invalid/c.zip", code)


def test_a_digest_is_verified(server: Server, code: Path) -> None:
    url = server.serve("/c.tar.gz", reply(ARCHIVE))
    download(f"{url}#sha256={hashlib.sha256(ARCHIVE).hexdigest()}", code)
    assert tree(code) == TRAIN
    with pytest.raises(CodeError, match="is not the expected file: its sha256 is"):
        download(f"{url}#sha256={'0' * 64}", code)


def test_redirects_are_followed(server: Server, code: Path) -> None:
    server.serve("/b/c.tar.gz", reply(ARCHIVE))
    download(server.serve("/a.tar.gz", reply(b"", 302, Location="/b/c.tar.gz")), code)
    assert tree(code) == TRAIN


def test_the_body_of_a_redirect_is_not_read(server: Server, code: Path) -> None:
    """It may be without end, and would be kept in memory."""
    sent: list[int] = []

    def endless(handler: BaseHTTPRequestHandler) -> None:
        reply(b"", 302, length=9_000_000_000, Location="/b.tar.gz")(handler)
        with contextlib.suppress(OSError):
            while len(sent) < 300:
                handler.wfile.write(bytes(1_000_000))
                sent.append(1)

    server.serve("/b.tar.gz", reply(ARCHIVE))
    download(server.serve("/a.tar.gz", endless), code)
    assert tree(code) == TRAIN
    assert len(sent) < 300


@pytest.mark.parametrize("target", ["/a.tar.gz", "file:///etc/passwd", "ftp://host/x"])
def test_redirects_that_lead_nowhere_end(server: Server, code: Path, target: str) -> None:
    with pytest.raises(CodeError, match=r"cannot be fetched: (Exceeded 30 redirects|No connection adapters)"):
        download(server.serve("/a.tar.gz", reply(b"", 302, Location=target)), code)


def chunked(*chunks: bytes, every: float = 0.0):
    """A body whose length nobody says, in pieces."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        with contextlib.suppress(OSError):
            for chunk in chunks:
                handler.wfile.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))
                handler.wfile.flush()
                time.sleep(every)
            handler.wfile.write(b"0\r\n\r\n")

    return answer


def trickle(handler: BaseHTTPRequestHandler) -> None:
    """Say a great length, and send a byte now and then until the other side hangs up."""
    handler.send_response(200)
    handler.send_header("Content-Length", "1000000")
    handler.end_headers()
    with contextlib.suppress(OSError):
        while True:
            handler.wfile.write(b"x")
            time.sleep(0.02)


def test_a_body_in_pieces_arrives(server: Server, code: Path) -> None:
    pieces = [ARCHIVE[begin : begin + 50_000] for begin in range(0, len(ARCHIVE), 50_000)]
    download(server.serve("/c.tar.gz", chunked(*pieces)), code)
    assert tree(code) == TRAIN


LARGE = gzip.compress(bytes(2_000_000))


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (reply(b"x" * 10, length=10**12), "it has more than 1,000,000 bytes"),
        (chunked(*[bytes(100_000)] * 1000), "it has more than 1,000,000 bytes"),
        (reply(LARGE, Content_Encoding="gzip"), "it unpacks to more than 1,000,000 bytes"),
    ],
    ids=["said", "not said", "encoded"],
)
def test_no_more_is_fetched_than_may_be(
    server: Server, code: Path, answer, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SMC_MAX_ARCHIVE_BYTES", "1_000_000")
    url = server.serve("/train.py", answer)
    with pytest.raises(CodeError) as caught:
        download(url, code)
    assert str(caught.value) == f"{url} is refused: {message}; set SMC_MAX_ARCHIVE_BYTES if that is intended"
    assert len(server.requests) == 1
    assert tree(code) == {}


def test_a_body_that_trickles_is_not_waited_for(server: Server, code: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "WINDOW_SECONDS", 0.5)
    url = server.serve("/c.tar.gz", trickle)
    with pytest.raises(CodeError, match=r"arrives at less than 1,000 bytes a second, .*; set SMC_MIN_DOWNLOAD_RATE"):
        download(url, code)
    monkeypatch.setenv("SMC_MIN_DOWNLOAD_RATE", "0")
    download(server.serve("/a.tar.gz", chunked(ARCHIVE[:1], ARCHIVE[1:2], ARCHIVE[2:], every=0.26)), code)
    assert tree(code) == TRAIN
    monkeypatch.setenv("SMC_MIN_DOWNLOAD_RATE", "slow")
    with pytest.raises(ConfigurationError, match="variable SMC_MIN_DOWNLOAD_RATE is 'slow'"):
        download(url, code)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # what is left behind
def test_an_answer_whose_headers_trickle_is_not_waited_for(
    server: Server, code: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each byte comes in time for the time limit of a read."""
    monkeypatch.setattr(http, "ANSWER_SECONDS", 0.3)
    left = threading.Event()

    def endless(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"HTTP/1.0 200 OK\r\nX-Header: ")
        with contextlib.suppress(OSError):
            while not left.wait(0.02):
                handler.wfile.write(b"x")

    url = server.serve("/c.tar.gz", endless)
    with pytest.raises(CodeError, match=f"the server did not answer in time, {http.ATTEMPTS} times"):
        download(url, code)
    left.set()
    for thread in threading.enumerate():
        if thread.name == asking.THREAD:
            thread.join()
    gc.collect()


def test_a_byte_before_each_silence_is_no_progress_for_ever(
    server: Server, code: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pace, "WINDOW_SECONDS", 1.5)

    def one_byte(handler: BaseHTTPRequestHandler) -> None:
        begin = int(handler.headers.get("Range", "bytes=0-").removeprefix("bytes=").rstrip("-"))
        said = {"ETag": '"1"', "Content_Range": f"bytes {begin}-999999/1000000"}
        reply(b"x", 206 if begin else 200, length=1_000_000 - begin, **said)(handler)
        handler.wfile.flush()
        handler.connection.settimeout(10)
        while handler.connection.recv(1000):
            pass

    with pytest.raises(CodeError, match="arrives at less than 1,000 bytes a second"):
        download(server.serve("/c.tar.gz", one_byte), code)


@pytest.mark.parametrize("headers", [{"ETag": '"new"'}, {"Last_Modified": "Wed, 21 Oct 2015 07:28:00 GMT"}, {}])
def test_parts_of_different_files_are_not_joined(server: Server, code: Path, headers: dict[str, str]) -> None:
    """A server that ignores If-Range and sends the rest of what lies there now."""
    rest = reply(ARCHIVE[5000:], 206, Content_Range=f"bytes 5000-{len(ARCHIVE) - 1}/{len(ARCHIVE)}", **headers)
    url = server.serve("/c.tar.gz", reply(b"o" * len(ARCHIVE), keep=5000, ETag='"old"'), rest, reply(ARCHIVE))
    download(url, code)
    assert tree(code) == TRAIN
    assert [request.headers.get("range") for request in server.requests] == [None, "bytes=5000-", None]


@pytest.mark.parametrize("text", ["²", "-1", "9" * 5000, "1e3", "0x10", ""])
def test_a_length_that_is_no_number_is_not_believed(server: Server, code: Path, text: str) -> None:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(f"HTTP/1.0 200 OK\r\nContent-Length: {text}\r\n\r\n".encode("latin-1") + ARCHIVE)

    download(server.serve("/c.tar.gz", answer), code)
    assert tree(code) == TRAIN


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 302 Found\r\nLocation: http://[::1/\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: http://host:99999999/\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: http://" + b"x" * 60_000 + b"/\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: http://\xff\xfe..%zz/\r\n\r\n",
        b"HTTP/1.1 404 \x1b[31mred\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 999999 x\r\n\r\n",
        b"HTTP/1.1 20\xb2 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"9" * 5000 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc",
        b"HTTP/1.1 206 OK\r\nContent-Range: bytes " + b"9" * 5000 + b"-1/2\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 503 x\r\nRetry-After: Mon, 99 Foo 99999 99:99:99 +9999999\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 401 x\r\nWWW-Authenticate: Digest \xff\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 404 x\r\nSet-Cookie: a=b; Max-Age=" + b"9" * 5000 + b"\r\nContent-Length: 0\r\n\r\n",
        b"garbage\r\n\r\n",
        b"\x00" * 1000,
    ],
)
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # urllib3 leaves a socket open
def test_whatever_a_server_answers_is_told_in_a_line_of_code_that_cannot_be_fetched(
    server: Server, code: Path, answer: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    def send(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(answer)
        handler.close_connection = True

    monkeypatch.setattr(http, "LONGEST_PAUSE_SECONDS", 0.01)
    with pytest.raises(CodeError) as caught:
        download(server.serve("/c.tar.gz", send), code)
    told = str(caught.value)
    del caught
    gc.collect()  # the socket that is left open, in this test and not in the next
    assert len(told) < 600
    assert told.isprintable()


def test_a_redirect_from_https_to_http_is_refused(
    tls_server: Server, server: Server, authority: Path, code: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority / "ca.pem"))
    plain = server.serve("/plain.tar.gz", reply(ARCHIVE))
    url = tls_server.serve("/c.tar.gz", reply(b"", 302, Location=f"{plain}?sig=secret"))
    with pytest.raises(CodeError) as caught:
        download(url, code)
    assert str(caught.value) == (
        f"{url} cannot be fetched: it redirects to '{plain}?****', which is not encrypted; "
        "set SMC_FOLLOW_REDIRECTS=anywhere if that is intended"
    )
    assert server.requests == []
    monkeypatch.setenv("SMC_FOLLOW_REDIRECTS", "anywhere")
    download(url, code)
    assert tree(code) == TRAIN


@pytest.mark.parametrize(
    "target",
    ["http://169.254.169.254/latest/meta-data/", "//169.254.170.2/v2", "http://[fe80::1]/", "http://2852039166/",
     "http://[::ffff:169.254.169.254]/", "http://0xa9fea9fe/", "http://[fd00:ec2::254]/latest/"],
)  # fmt: skip
def test_a_redirect_to_a_link_local_address_is_refused(server: Server, code: Path, target: str) -> None:
    with pytest.raises(CodeError, match="which is a link-local address; set SMC_FOLLOW_REDIRECTS=anywhere"):
        download(server.serve("/c.tar.gz", reply(b"", 307, Location=target)), code)


def test_credentials_in_the_url_are_used_and_never_told(
    server: Server, code: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    server.serve("/c.tar.gz", reply(b"", 503), reply(ARCHIVE))
    url = server.url.replace("://", "://user:pass%20word@") + "/c.tar.gz?X-Amz-Signature=signature"
    fetched = fetch(url, str(code))
    assert server.requests[0].headers["authorization"] == "Basic dXNlcjpwYXNzIHdvcmQ="
    server.serve("/c.tar.gz", reply(b"", 404))
    with pytest.raises(CodeError) as caught:
        download(url, code)
    with pytest.raises(CodeError) as unreachable:
        download("http://user:pass%20word@127.0.0.1:1/c.zip?X-Amz-Signature=signature", code)
    told = [fetched.summary, caplog.text, *capfd.readouterr(), *map(_whole, (caught.value, unreachable.value))]
    assert not [text for text in told if "pass" in text or "=signature" in text]
    assert f"{server.url.replace('://', '://****@')}/c.tar.gz?****" in fetched.summary


def _whole(error: BaseException) -> str:
    """An error's text and those of all that it is chained to and shows."""
    chained = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return str(error) + (_whole(chained) if chained else "")


def test_an_encoded_file_is_decoded_and_an_archive_is_not(server: Server, code: Path) -> None:
    download(server.serve("/train.py", reply(gzip.compress(SOURCE), Content_Encoding="gzip")), code)
    assert tree(code) == {"train.py": SOURCE}
    download(server.serve("/c.tar.gz", reply(ARCHIVE, Content_Encoding="gzip")), code)
    assert tree(code) == TRAIN
    assert server.requests[0].headers["accept-encoding"] == "identity"
    with pytest.raises(CodeError, match="cannot be decoded"):
        download(server.serve("/b.py", reply(gzip.compress(SOURCE)[:-9], Content_Encoding="gzip")), code)


def test_proxies_of_the_environment_are_used(server: Server, code: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", server.url)
    server.serve("http://code.example/c.tar.gz", reply(ARCHIVE))
    download("http://code.example/c.tar.gz", code)
    assert tree(code) == TRAIN


def test_a_ca_bundle_of_the_environment_is_used(
    tls_server: Server, authority: Path, code: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = tls_server.serve("/c.tar.gz", reply(ARCHIVE))
    with pytest.raises(CodeError, match=r"its certificate is not accepted \(self.signed certificate"):
        download(url, code)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority / "ca.pem"))
    download(url, code)
    assert tree(code) == TRAIN


@pytest.mark.parametrize(
    ("text", "low", "high"), [("7", 7, 7), ("999", 30, 30), ("soon", None, None), ("0", None, None)]
)
def test_retry_after_is_kept_within_reason(
    text: str, low: float | None, high: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "LONGEST_PAUSE_SECONDS", 30.0)
    found = http._retry_after(text)
    assert found == low == high
    assert http._retry_after("Wed, 21 Oct 2015 07:28:00 GMT") is None


def on_a_terminal(url: str, code: Path, quiet: float) -> bytes:
    program = "from smc_core.code.fetch import download, progress; "
    program += f"progress._QUIET = {quiet}; download.fetch('{url}', '{code}')"
    command = ["script", "-qec", f'{sys.executable} -c "{program}"', "/dev/null"]
    return subprocess.run(command, capture_output=True, check=True, stdin=subprocess.DEVNULL).stdout


def test_a_terminal_sees_how_far_a_long_transfer_is(server: Server, code: Path) -> None:
    server.serve("/c.tar.gz", reply(ARCHIVE))
    shown = on_a_terminal(f"{server.url}/c.tar.gz?token=x", code, 0)
    assert f"of {len(ARCHIVE):,} bytes".encode() in shown
    assert b"token=x" not in shown
    assert shown.endswith(b"\r\x1b[K")


def test_of_a_short_one_nothing_is_left_in_the_log(server: Server, code: Path) -> None:
    server.serve("/c.tar.gz", reply(ARCHIVE))
    assert b"\x1b" not in on_a_terminal(f"{server.url}/c.tar.gz", code, 60)


def test_elsewhere_nothing_is_printed(server: Server, code: Path, capfd: pytest.CaptureFixture[str]) -> None:
    fetch(server.serve("/c.tar.gz", reply(ARCHIVE)), str(code))
    assert capfd.readouterr() == ("", "")
