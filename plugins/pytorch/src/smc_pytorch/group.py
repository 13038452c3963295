"""The process group of a job: set up, torn down, and its failures explained.

In function mode the plugin does this around the user's ``train``; a script can do it explicitly::

    with smc.pytorch.process_group():
        model = DistributedDataParallel(model)
"""

from __future__ import annotations

import contextlib
import faulthandler
import os
import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from smc_core.errors import HostError, UserCodeError
from smc_core.kit import log_line
from smc_core.setting import Seconds
from smc_pytorch import absent
from smc_pytorch.advice import explain_memory
from smc_pytorch.gloo import is_of_gloo
from smc_pytorch.processes import BACKEND, NO_GROUP, check_backend, choose_backend
from smc_pytorch.wrappers import holds_parts

if TYPE_CHECKING:
    from datetime import timedelta

TIMEOUT = Seconds(
    "SMC_TORCH_TIMEOUT",
    "seconds that a collective operation may take",
    least=0.001,
    absent="PyTorch's: 1800, with nccl 600",
    group="pytorch",
)
"""Seconds that a collective operation may take; by default PyTorch's own, 1800, and 600 with NCCL."""
_NEEDED = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
LEAVE_SECONDS = 30
"""How long a process may take to end after an error; a library that then still waits for the others is cut short."""


class Group:
    """The process group of this process; every method does nothing in a process that trains alone.

    Args:
        environ: the variables of this process.

    Raises:
        ConfigurationError: the time-out is not a number of seconds.

    """

    def __init__(self, environ: Mapping[str, str] | None = None) -> None:
        self._environ = os.environ if environ is None else environ
        self._timeout = group_timeout(self._environ)
        self._began: float | None = None
        self._hurries = False

    def set_up(self) -> None:
        """Join the other processes, if a launcher has started several or torchrun has started this one.

        Raises:
            ConfigurationError: this PyTorch does not have the backend that was asked for.
            HostError: the rendezvous fails.
            UserCodeError: one of them has exited before.

        """
        if not all(self._environ.get(name) for name in _NEEDED):
            return
        import torch
        import torch.distributed as dist

        if not dist.is_available() or dist.is_initialized():
            return
        rank, world_size = int(self._environ["RANK"]), int(self._environ["WORLD_SIZE"])
        backend, _ = choose_backend(torch.cuda.device_count(), self._environ)
        if backend == NO_GROUP:
            return
        check_backend(backend)
        options: dict[str, Any] = {}
        if self._timeout is not None:
            options["timeout"] = self._timeout
        if "nccl" in backend:
            local_rank = int(self._environ.get("LOCAL_RANK", "0"))
            torch.cuda.set_device(local_rank)
            options["device_id"] = torch.device("cuda", local_rank)
        self._roll_call = absent.RollCall(rank, world_size, self._environ)
        try:
            self._roll_call.meet()
            dist.init_process_group(backend, rank=rank, world_size=world_size, **options)
        except RuntimeError as error:
            address = f"{self._environ['MASTER_ADDR']}:{self._environ['MASTER_PORT']}"
            raise HostError(f"rank {rank} cannot meet the other {world_size - 1} at {address}: {error}") from error
        self._began = time.monotonic()
        self._is_alone = world_size == 1
        self._roll_call.register()

    def tear_down(self) -> None:
        """Leave the group, if this object has set it up."""
        if self._began is None:
            return
        import torch.distributed as dist

        self._began = None
        self._roll_call.leave()
        if dist.is_initialized():
            dist.destroy_process_group()

    def returned(self, model: Any) -> None:
        """Compare what the processes return: the primary's value counts, unless each has a part of it.

        The later of two processes sees what the other has recorded, so none has to wait.

        Args:
            model: what ``train`` returned in this process.

        """
        if self._began is None or self._is_alone:
            return
        said = absent.NOTHING if model is None else absent.PARTS if holds_parts(model) else absent.WHOLE
        lost = self._roll_call.returned(said)
        if lost:
            log_line(f"warning: train() returned a value in {lost} and none in rank 0, whose value counts: not saved")

    def check_parts(self, model: Any) -> None:
        """Wait for all processes to return their parts of a model; does nothing if it is whole.

        Raises:
            UserCodeError: one of them has returned something else, so the others would wait for it forever.

        """
        import torch.distributed as dist

        if not holds_parts(model):
            return
        if not dist.is_initialized():
            raise UserCodeError(
                "train() returned a model that is spread over the processes, and has left their group: take "
                "destroy_process_group() out; the group is left when the model is saved"
            )
        if self._began is None or self._is_alone:
            return
        without = self._roll_call.without_parts(self._most_seconds())
        if without:
            raise UserCodeError(
                f"train() returned a model that is spread over the processes, and none in {absent.names(without)}: "
                "every rank must return it"
            )

    def failed(self, error: BaseException, *, phase: str = "train", batch_size: Any = None) -> None:
        """Explain an error before this process exits with it, without waiting for the others.

        Args:
            error: the exception, to which notes are added; an intended exit is left as it is.
            phase: what the process was doing, ``train`` or ``save``.
            batch_size: the batch size of the job, if known.

        """
        if isinstance(error, SystemExit) and not error.code:
            self.tear_down()
        began, self._began = self._began, None  # a failing process waits for no other
        if not isinstance(error, Exception):
            return
        explain_memory(error, batch_size)
        if began is None:
            return
        if is_of_a_second_group(error):
            _put_in_front(error, f"smc has set the process group up: leave this out, or set {BACKEND}={NO_GROUP}")
        if is_of_a_collective(error):
            self._name_those_to_blame(error, time.monotonic() - began, phase)
        if not self._is_alone:
            self._hurries = True
            _leave_soon()

    @contextlib.contextmanager
    def unhurried(self) -> Iterator[None]:
        """While entered, a process that has failed is not forced to exit."""
        faulthandler.cancel_dump_traceback_later()
        try:
            yield
        finally:
            if self._hurries:
                _leave_soon()

    def _name_those_to_blame(self, error: BaseException, seconds: float, phase: str) -> None:
        """Prepend to an error which processes did not take part, if that can be determined.

        Args:
            error: the error of a collective operation.
            seconds: how long the group had existed.
            phase: what this process was doing.

        """
        if left := self._roll_call.left():
            _put_in_front(error, absent.left_in_words(left, phase))
        elif seconds >= self._least_seconds() and (missing := self._roll_call.absent()):
            _put_in_front(error, absent.absent_in_words(missing))

    def _least_seconds(self) -> float:
        """Seconds before which no operation can have timed out, so that an error has another cause."""
        from torch.distributed.distributed_c10d import default_pg_nccl_timeout, default_pg_timeout

        known = [self._timeout] if self._timeout else [default_pg_timeout, default_pg_nccl_timeout]
        return min(timeout.total_seconds() for timeout in known if timeout is not None)

    def _most_seconds(self) -> float:
        """Seconds after which an operation that begins now would have timed out."""
        from torch.distributed.distributed_c10d import default_pg_timeout

        timeout: timedelta = self._timeout or default_pg_timeout
        return timeout.total_seconds()


@contextlib.contextmanager
def process_group() -> Iterator[None]:
    """Set the process group up and tear it down, for a script that torchrun starts; does nothing for a single process.

    The backend is ``SMC_TORCH_BACKEND``, else nccl with GPUs, else gloo; with nccl, each process takes the GPU of its
    local rank. After an error inside, the process exits without waiting for the others; if a collective operation timed
    out, the error names the processes that did not take part.
    """
    group = Group()
    group.set_up()
    try:
        yield
    except BaseException as error:
        group.failed(error)
        raise
    group.tear_down()


def group_timeout(environ: Mapping[str, str]) -> timedelta | None:
    """How long a collective operation may take: ``SMC_TORCH_TIMEOUT`` in seconds; None leaves it to PyTorch.

    Args:
        environ: the variables of this process.

    Raises:
        ConfigurationError: it is not a number of seconds.

    """
    seconds = TIMEOUT.given(environ)
    from datetime import timedelta

    return None if seconds is None else timedelta(seconds=seconds)


def is_of_a_second_group(error: BaseException) -> bool:
    """Whether an error was raised by ``init_process_group`` because a group exists already."""
    import torch.distributed as dist

    trace, last = error.__traceback__, ""
    while trace is not None:
        last, trace = trace.tb_frame.f_code.co_name, trace.tb_next
    return isinstance(error, ValueError) and last == "init_process_group" and dist.is_initialized()


def is_of_a_collective(error: BaseException) -> bool:
    """Whether an error was raised by a collective operation.

    NCCL's errors have their own class (``torch.distributed.DistError``). Gloo's are a plain RuntimeError whose text
    begins with the place in Gloo's source that raised it.
    """
    import torch.distributed as dist

    return isinstance(error, dist.DistError) or (isinstance(error, RuntimeError) and is_of_gloo(str(error)))


def _put_in_front(error: BaseException, text: str) -> None:
    """Prepend rather than append: the first line of a failure file has room for only part of a message."""
    error.args = (f"{text}: {error}",)


def _leave_soon() -> None:
    """Force an exit soon: Python may wait for the group's threads when it exits. This works without running Python."""
    faulthandler.dump_traceback_later(LEAVE_SECONDS, exit=True)
