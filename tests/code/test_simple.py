"""What is said of a simple requirement is what the library says; of others nothing is said."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from packaging.requirements import InvalidRequirement, Requirement
from packaging.version import InvalidVersion, Version

from smc_core.code.needs.simple import read_simple

NUMBERS = st.lists(st.integers(0, 3), min_size=1, max_size=4).map(lambda parts: ".".join(map(str, parts)))
ENDINGS = st.sampled_from(["", "", "", ".*", "a0", ".dev1", "rc1", "b", "a.0", ".post1", "+cu121", "-1", "!1"])
VERSIONS = st.tuples(NUMBERS, ENDINGS).map("".join)
CLAUSES = st.tuples(st.sampled_from(["==", "!=", "<=", ">=", "<", ">", "~=", "===", "=", ""]), VERSIONS).map(" ".join)
SPECS = st.lists(CLAUSES, max_size=3).map(",".join)
NAMES = st.sampled_from(["numpy", "scikit-learn", "A.b_c", "x", "x-", "-x", "a b", "x[extra]", "x @ https://h/x"])
MARKER_NAMES = [
    "python_version",
    "python_full_version",
    "sys_platform",
    "os_name",
    "platform_system",
    "extra",
    "nonsense",
]
MARKER_VALUES = ["3.8", "3.11", "3", "4.0", "3.12.1", "linux", "win32", "posix", "Linux", "", "test", "3.11rc1"]
CONDITIONS = st.tuples(
    st.sampled_from(MARKER_NAMES),
    st.sampled_from(["==", "!=", "<", ">=", ">", "in", "~="]),
    st.sampled_from(MARKER_VALUES).map(lambda text: f'"{text}"'),
).map(" ".join)
GROUPED = st.tuples(CONDITIONS, st.sampled_from(["{}", "{}", "({})", "({}", "{})"])).map(
    lambda pair: pair[1].format(pair[0])
)
MARKERS = st.lists(GROUPED, min_size=1, max_size=3).flatmap(
    lambda parts: st.sampled_from([" and ", " or "]).map(lambda word: word.join(parts))
)
TEXTS = st.tuples(
    NAMES, st.sampled_from(["{}", "({})", " {} ", "({}", "{},"]), SPECS, st.one_of(st.none(), MARKERS)
).map(lambda parts: parts[0] + parts[1].format(parts[2]) + (f"; {parts[3]}" if parts[3] else ""))


@settings(max_examples=1000, deadline=None)
@given(text=TEXTS, version=VERSIONS)
@example(text="numpy>=1.24,<3", version="2.0")
@example(text='tzdata>=2022.7; python_version < "4"', version="2024.1")
@example(text="botocore (<2.0a.0,>=1.37.4)", version="1.40.1")
@example(text="python-dateutil>=2.9.0", version="2.9.0.post0")
@example(text="torch==2.3.1", version="2.3.1+cu121")
@example(text="torch<=2.3.1", version="2.3.1+cu121")
@example(text="x~=1", version="1.0")
def test_it_says_what_the_library_says(text: str, version: str) -> None:
    found = read_simple(text)
    if found is None:
        return
    try:
        expected = Requirement(text)
    except InvalidRequirement:
        pytest.fail(f"{text!r} is no requirement")
    assert found.name == expected.name
    assert found.applies == (expected.marker is None or expected.marker.evaluate({"extra": ""}))
    permitted = found.permits(version)
    if permitted is not None:
        try:
            Version(version)
        except InvalidVersion:
            pytest.fail(f"{version!r} is no version")
        assert permitted == expected.specifier.contains(version, prereleases=True)


@pytest.mark.parametrize(
    ("text", "version", "permitted"),
    [
        ("numpy", "1.26.4", True),
        ("numpy>=1.24,<3", "2.1", True),
        ("numpy (>=1.24,<2)", "2.1", False),
        ("x==1.*", "1.9", True),
        ("x~=1.4", "2.0", False),
        ("torch>=2", "2.3.1+cu121", True),
        ("botocore<2.0a.0", "2.0", False),
        ("x>1.0", "1.0.post1", None),
        ("x", "1.0rc1", None),
    ],
)
def test_the_usual_ones_are_simple(text: str, version: str, permitted: bool | None) -> None:
    found = read_simple(text)
    assert found is not None
    assert found.permits(version) is permitted


@pytest.mark.parametrize(
    "text", ["x[extra]", "x @ https://host/x", "x; a == 'b' or c == 'd'", "x===1", "x>=1rc1,==2b1", "./x", "", "x>=v1"]
)
def test_of_others_nothing_is_said(text: str) -> None:
    assert read_simple(text) is None
