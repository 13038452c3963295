"""Code: fetch an archive and unpack it, beside tar, boto3 and the classic toolkit.

Python's clock starts before the import of what is measured, in a fresh interpreter; that of ``tar`` starts with its
process. S3 is a moto server on this machine.
"""

from __future__ import annotations

import io
import os
import random
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks.bench import Bench
from benchmarks.cases import MS, SECONDS, Case, Claim, Comparison, Skip, SkipError, Unit
from benchmarks.measuring import Way
from benchmarks.processes import plain_environ, run

TITLE = "Fetch and unpack"
_TIMED = "import sys, time; begun = time.perf_counter(); {}; print(time.perf_counter() - begun)"
DOWNLOAD = _TIMED.format("from smc_core import modules; modules.download(sys.argv[1], sys.argv[2])")
CLASSIC_DOWNLOAD = _TIMED.format(
    "from sagemaker_training import files; files.download_and_extract(sys.argv[1], sys.argv[2])"
)
BOTO3 = _TIMED.format(
    "import boto3, tarfile; s3 = boto3.client('s3'); "
    "bucket, _, key = sys.argv[1].removeprefix('s3://').partition('/'); "
    "s3.download_file(bucket, key, sys.argv[2] + '.tar.gz'); "
    "tarfile.open(sys.argv[2] + '.tar.gz').extractall(sys.argv[2], filter='data')"
)
MOTO = """
import sys
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
server.start()
print("http://%s:%s" % server.get_host_and_port(), flush=True)
sys.stdin.read()
"""
UPLOAD = """
import sys, boto3
s3 = boto3.client("s3")
s3.create_bucket(Bucket="bench")
for path in sys.argv[1:]:
    s3.upload_file(path, "bench", path.rpartition("/")[2])
"""
FILES, MEGABYTE, GIGABYTE = 1000, 10**6, 10**9
SHARE_OF_ROOM = 8
"""The largest archive takes this part of the free disk at most: it is there and is unpacked beside itself."""
PEER, TAR, TRANSFER = "sagemaker-training", "tar", "boto3 and tarfile"


def cases(bench: Bench) -> Iterator[Case]:
    """Many small files, then much data; from this disk, then from S3."""
    folder = bench.folder / "archives"
    folder.mkdir()
    smc, classic = bench.smc(), bench.classic()
    many = _archive(folder / "files.tar.gz", [4000] * FILES)
    megabytes = 20 if bench.quick else 100
    large, much = _archive(folder / "large.tar.gz", [MEGABYTE] * megabytes), f"{megabytes} MB in a .tar.gz"
    for text, archive, unit in (("1,000 files", many, MS), (much, large, SECONDS)):
        ways = {
            "smc": _download(smc.python, DOWNLOAD, str(archive), folder),
            TAR: _tar(archive, folder),
            PEER: _download(classic.python, CLASSIC_DOWNLOAD, str(archive), folder),
        }
        yield Comparison(f"unpack {text}", ways, _claims(f"unpack {text}", (TAR, PEER), unit))
    yield from _huge(bench, folder)
    yield from _from_s3(bench, folder, {"1,000 files": (many, MS), much: (large, SECONDS)})
    shutil.rmtree(folder)


def _huge(bench: Bench, folder: Path) -> Iterator[Case]:
    size = min(GIGABYTE // (10 if bench.quick else 1), bench.room() // SHARE_OF_ROOM // MEGABYTE * MEGABYTE)
    archive = _archive(folder / "huge.tar", [10 * MEGABYTE] * (size // 10 // MEGABYTE))
    ways = {"smc": _download(bench.smc().python, DOWNLOAD, str(archive), folder), TAR: _tar(archive, folder)}
    text = f"unpack {size / GIGABYTE:.1f} GB in a .tar"
    yield Comparison(text, ways, _claims(text, (TAR,), SECONDS))
    archive.unlink()


def _from_s3(bench: Bench, folder: Path, archives: Mapping[str, tuple[Path, Unit]]) -> Iterator[Case]:
    try:
        smc, moto = bench.smc(extra="s3"), bench.venv("moto", "moto[s3,server]>=5", "boto3")
    except SkipError as why:
        yield Skip("code from S3", str(why))
        return
    first, _ = next(iter(archives.values()))
    with _moto(moto.python) as environ:
        run([moto.python, "-c", UPLOAD, *(str(path) for path, _ in archives.values())], environ)
        for text, (path, unit) in archives.items():
            url = f"s3://bench/{path.name}"
            ways = {
                "smc": _download(smc.python, DOWNLOAD, url, folder, environ),
                TRANSFER: _download(moto.python, BOTO3, url, folder, environ),
            }
            if path == first:  # it uses boto3 too
                ways[PEER] = _download(bench.classic().python, CLASSIC_DOWNLOAD, url, folder, environ)
            yield Comparison(f"{text} from S3", ways, _claims(f"{text} from S3, unpacked", list(ways)[1:], unit))


@contextmanager
def _moto(python: str) -> Iterator[dict[str, str]]:
    """A server that speaks S3; gives the variables by which clients find it."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with subprocess.Popen([python, "-c", MOTO], text=True, env=plain_environ(), **pipes) as server:  # type: ignore[call-overload]
        url = server.stdout.readline().strip()
        try:
            yield {
                **plain_environ(),
                **dict.fromkeys(("AWS_ENDPOINT_URL", "S3_ENDPOINT_URL"), url),
                **dict.fromkeys(("AWS_REGION", "AWS_DEFAULT_REGION"), "us-east-1"),
                **dict.fromkeys(("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), "bench"),
            }
        finally:
            server.stdin.close()


def _claims(text: str, peers: Sequence[str], unit: Unit) -> list[Claim]:
    return [Claim(text, "smc", peer, unit=unit) for peer in peers]


def _download(python: str, program: str, url: str, folder: Path, environ: Mapping[str, str] | None = None) -> Way:
    """Fetch and unpack in Python, into a folder that is not there yet."""

    def way() -> Mapping[str, float]:
        with _fresh(folder) as target:
            return {"wall": float(run([python, "-c", program, url, target], environ).stdout.split()[-1])}

    return way


def _tar(archive: Path, folder: Path) -> Way:
    def way() -> Mapping[str, float]:
        with _fresh(folder) as target:
            os.mkdir(target)
            return {"wall": run(["tar", "-xf", str(archive), "-C", target]).wall}

    return way


@contextmanager
def _fresh(folder: Path) -> Iterator[str]:
    """A path for what is unpacked, which is removed with all that begins like it."""
    yield str(folder / "unpacked")
    for path in folder.glob("unpacked*"):
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def _archive(path: Path, sizes: Sequence[int]) -> Path:
    """An archive of files of these sizes, in folders of a hundred; a third of each is text that compresses well."""
    draw = random.Random(1)  # noqa: S311 - data to unpack
    mode = "w:gz" if path.suffix == ".gz" else "w"
    options = {"compresslevel": 1} if path.suffix == ".gz" else {}
    with tarfile.open(path, mode, **options) as archive:  # type: ignore[call-overload]
        for number, size in enumerate(sizes):
            member = tarfile.TarInfo(f"folder{number // 100}/file{number}.bin")
            member.size, member.mtime = size, 1
            content = draw.randbytes(size - size // 3) + b"a line of text that repeats\n" * (size // 3 // 28 + 1)
            archive.addfile(member, io.BytesIO(content[:size]))
    print(f"packed {path.name}: {path.stat().st_size / 1e6:,.1f} MB", file=sys.stderr, flush=True)
    return path
