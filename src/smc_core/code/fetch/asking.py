"""Send a request, and give up if the answer does not get as far as its body in time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from requests import Response

THREAD = "smc-ask"


def answer_within(seconds: float, ask: Callable[[], Response]) -> Response | None:
    """The server's answer, up to its body; None if that takes too long.

    The request runs in a separate thread, which is abandoned if it takes too long. A read timeout would not do: it
    starts anew with every byte that a slow server sends.

    Args:
        seconds: how long it may take, redirects included.
        ask: sends the request; what it raises is raised here.

    """
    answers: list[Response] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            answers.append(ask())
        except BaseException as error:  # noqa: BLE001 - raised again in the waiting thread
            errors.append(error)

    asking = threading.Thread(target=run, name=THREAD, daemon=True)
    asking.start()
    asking.join(seconds)
    if errors:
        raise errors.pop()  # popped: its traceback refers to this list, which would be a reference cycle
    return answers.pop() if answers else None
