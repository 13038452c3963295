import pytest

pytest_plugins = ["smc_core.testing.fixtures"]


@pytest.fixture
def job(job):
    """A job folder, whose jobs have this plugin and no other that is installed here."""
    job.variables["SMC_PLUGINS"] = "pinned"
    return job
