"""Slurm's lists of hosts."""

import shutil
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smc_core.platforms.hostlist import expanded

KNOWN = {
    "n1": ["n1"],
    "n1,n2": ["n1", "n2"],
    "n[1-3]": ["n1", "n2", "n3"],
    "gpu-[01-02,07]-ib": ["gpu-01-ib", "gpu-02-ib", "gpu-07-ib"],
    "gpu-[01-02,07]-ib,rack[1-2]node[1-2]": [
        *("gpu-01-ib", "gpu-02-ib", "gpu-07-ib"),
        *("rack1node1", "rack1node2", "rack2node1", "rack2node2"),
    ],
    "n[08-11]": ["n08", "n09", "n10", "n11"],
    "n[0-1]": ["n0", "n1"],
    "n[5]": ["n5"],
}


@pytest.mark.parametrize("text", KNOWN)
def test_known_lists(text: str) -> None:
    assert expanded(text) == KNOWN[text]
    if shutil.which("scontrol"):  # Slurm's own opinion, where it is installed
        asked = subprocess.run(["scontrol", "show", "hostnames", text], capture_output=True, text=True, check=False)
        assert asked.returncode or asked.stdout.split() == KNOWN[text]


@pytest.mark.parametrize(
    "text",
    ["", ",", "n1,", "n[", "n]", "n[1", "n[]", "n[1-]", "n[-1]", "n[3-1]", "n[a-b]", "n[[1]]", "n[1-2]]", "n[²]"],
)
def test_malformed_lists(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the words are for people
        expanded(text)


@pytest.mark.parametrize("text", ["n[0-999999999]", "[0-999][0-999]", "a[0-60000],b[0-60000]", "[0-9]" * 12])
def test_lists_that_are_too_long(text: str) -> None:
    with pytest.raises(ValueError, match=r"65,536"):
        expanded(text)


@given(
    st.lists(
        st.tuples(st.from_regex(r"[a-z]{1,4}-", fullmatch=True), st.integers(0, 99), st.integers(0, 20)),
        min_size=1,
        max_size=5,
    )
)
def test_ranges_read_back(parts: list[tuple[str, int, int]]) -> None:
    text = ",".join(f"{name}[{first:03}-{first + more:03}]" for name, first, more in parts)
    assert expanded(text) == [f"{name}{first + each:03}" for name, first, more in parts for each in range(more + 1)]


@given(st.text(alphabet="n0123456789[],-", max_size=30))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        hosts = expanded(text)
    except ValueError:
        return
    assert hosts
    assert not any(set("[],") & set(host) for host in hosts)
