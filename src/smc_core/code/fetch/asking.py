"""Ask a server, and stop waiting for an answer that does not come to its body."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from requests import Response

THREAD = "smc-ask"


def answer_within(seconds: float, ask: Callable[[], Response]) -> Response | None:
    """The server's answer, up to its body; None where that takes too long.

    It is asked for in a thread of its own, which is left behind where it takes too long: a time limit of a read is none
    for an answer that gets a byte now and then.

    Args:
        seconds: how long it may take, redirects included.
        ask: what asks; what it raises is raised here.

    """
    answers: list[Response] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            answers.append(ask())
        except BaseException as error:  # noqa: BLE001 - raised where it is waited for
            errors.append(error)

    asking = threading.Thread(target=run, name=THREAD, daemon=True)
    asking.start()
    asking.join(seconds)
    if errors:
        raise errors.pop()  # not kept: its traceback leads to this list
    return answers.pop() if answers else None
