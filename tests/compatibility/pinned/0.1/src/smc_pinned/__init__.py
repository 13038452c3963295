"""A plugin for smc. In a job's code: ``import smc_core as smc``, then ``smc.pinned.Model``."""

from smc_pinned.model import Model, load_model

__all__ = ["Model", "load_model"]
