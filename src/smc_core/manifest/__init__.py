"""``smc manifest``: what an engine wants to be given, so that it runs a target on its hosts.

One file an engine, which has ``write(request)``, the text to submit. :data:`ENGINES` lists them. Nothing here imports
a client library, and the text depends on the request alone.
"""

from __future__ import annotations

import importlib

TYPE_CHECKING = False
if TYPE_CHECKING:
    from smc_core.manifest.request import Request

ENGINES = ("slurm", "kubernetes", "kubeflow", "sagemaker", "compose", "skypilot", "ray")
"""Names of the engines, which are the modules of this package that write for them."""


def write(engine: str, request: Request) -> str:
    """The text to submit, which ends with a newline.

    Args:
        engine: one of :data:`ENGINES`.
        request: what is to run.

    Raises:
        ConfigurationError: the engine needs what was not given, or cannot do what was.

    """
    text: str = importlib.import_module(f"smc_core.manifest.{engine}").write(request)
    return text
