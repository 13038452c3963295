"""The hooks, called in the test's own process as a job calls them."""

import os

import pytest

from smc_pinned import Model

pytestmark = pytest.mark.usefixtures("no_leaks")  # a test fails that leaves a thread, a file, a variable or so behind


@pytest.fixture
def plugins(plugin_manager):
    return plugin_manager.register("pinned")


def test_the_environment_has_the_number_of_processes(plugins):
    assert plugins.create_environment().world_size == 1
    assert plugins.create_environment(WORLD_SIZE="8").world_size == 8


def test_one_process_of_several_writes(plugins):
    model = Model({"slope": 1.0})
    assert not os.path.exists(plugins.save_model(model, RANK="1"))
    assert os.path.exists(plugins.save_model(model, RANK="0"))


def test_every_host_starts_its_own_processes(plugins):
    plugins.job.hosts("algo-1", "algo-2", current="algo-2").code(train_py="print('trained')")
    command = plugins.launch("train.py", SMC_LAUNCHER="pinned", SMC_PROCESSES_PER_HOST="4")
    assert command.argv[2:6] == ("smc_pinned.launcher", "4", "1", "2")
