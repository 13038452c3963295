"""``TF_CONFIG``, from which TensorFlow knows its cluster.

It is JSON with a ``cluster`` (task name → addresses) and the ``task`` of the process that reads it, as
``tf.distribute.cluster_resolver.TFConfigClusterResolver`` wants it. The names of tasks are those of TensorFlow 2:
``chief``, ``worker`` and ``ps``. Only the standard library is imported here.
"""

# Annotations are objects here, not text: Python would compile the text for each field of a NamedTuple at every start.

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from smc_core.errors import ConfigurationError

TF_CONFIG_ENV = "TF_CONFIG"
CHIEF, WORKER, PS = "chief", "worker", "ps"


class Task(NamedTuple):
    """One task of the cluster: its name, and its number among those of that name, from 0."""

    type: str
    number: int

    def __str__(self) -> str:
        return f"{self.type} {self.number}"


def write_tf_config(cluster: Mapping[str, list[str]], task: Task) -> str:
    """The text of ``TF_CONFIG`` for one task."""
    return json.dumps({"cluster": dict(cluster), "task": {"type": task.type, "index": task.number}})


def add_task(text: str, task: Task) -> str:
    """The text of a ``TF_CONFIG`` without a task, with one added; everything else stays as it is."""
    return json.dumps({**json.loads(text), "task": {"type": task.type, "index": task.number}})


def read_tf_config(text: str) -> tuple[dict[str, list[str]], Task | None]:
    """The cluster and the task in a ``TF_CONFIG``; empty and None if it has none.

    Raises:
        ConfigurationError: it is malformed.

    """
    try:
        config = json.loads(text) if text.strip() else {}
    except ValueError as error:
        raise _refuse(f"is not JSON: {error}") from error
    if not isinstance(config, dict):
        raise _refuse("is not a JSON object")
    cluster = config.get("cluster", {})
    if not isinstance(cluster, dict) or not all(_is_addresses(each) for each in cluster.values()):
        raise _refuse("has a cluster that is not an object of task names and their lists of addresses, host:port")
    return cluster, _task(config.get("task"), cluster)


def _is_addresses(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) and ":" in each for each in value)


def _task(task: Any, cluster: Mapping[str, list[str]]) -> Task | None:
    if not task:
        return None
    if not isinstance(task, dict) or not isinstance(task.get("type"), str):
        raise _refuse('has a task that is not an object such as {"type": "worker", "index": 0}')
    index = task.get("index", 0)
    if isinstance(index, bool) or not str(index).isdecimal():
        raise _refuse(f"has the task index {index!r}, not a whole number from 0")
    found = Task(task["type"], int(index))
    if cluster and found.type != "evaluator" and found.number >= len(cluster.get(found.type, [])):
        raise _refuse(f"has the task {found}, which is not in its cluster")
    return found


def _refuse(why: str) -> ConfigurationError:
    example = '{"cluster": {"worker": ["algo-1:8890"]}, "task": {"type": "worker", "index": 0}}'
    return ConfigurationError(f"variable {TF_CONFIG_ENV} {why}; an example: {example}")
