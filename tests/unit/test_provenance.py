"""Where a value came from, as data and in words."""

from __future__ import annotations

import pickle
from typing import get_args

import pytest

from smc_core.provenance import DEFAULT, Kind, Source


@pytest.mark.parametrize(
    ("source", "text"),
    [
        (Source("variable", "SMC_MODE"), "variable SMC_MODE"),
        (Source("hyperparameter", "epochs"), "hyperparameters.json: epochs"),
        (Source("channel", "training"), "inputdataconfig.json: training"),
        (Source("file", "resourceconfig.json"), "resourceconfig.json"),
        (Source("no file", "resourceconfig.json"), "default: no resourceconfig.json"),
        (Source("machine"), "this machine"),
        (Source("rule", "a name with {} in it"), "a name with {} in it"),
        (DEFAULT, "default"),
    ],
)
def test_words(source: Source, text: str) -> None:
    assert (str(source), f"{source}") == (text, text)


def test_every_kind_has_words() -> None:
    assert [kind for kind in get_args(Kind) if not str(Source(kind, "NAME"))] == []


def test_it_can_be_pickled() -> None:
    assert pickle.loads(pickle.dumps(DEFAULT)) == DEFAULT
