"""Jobs of two processes: what each of them knows, and models of which each holds a part."""

from __future__ import annotations

import json
import re

import pytest

from smc_core.kit import is_installed
from smc_core.testing import JobFolder
from smc_core.testing.fixtures import RunPython

if not is_installed("torch"):
    pytest.skip("PyTorch is not installed", allow_module_level=True)

TWO = {"SMC_LAUNCHER": "torchrun", "SMC_PROCESSES_PER_HOST": "2"}
FACTS = """
import json, os, sys
import smc_core as smc
import torch.distributed as dist

env = smc.Environment.create()
with smc.pytorch.process_group():
    total = [None] * dist.get_world_size()
    dist.all_gather_object(total, dist.get_rank())
    facts = {
        "argv": sys.argv[1:], "name": __name__, "package": __package__, "gathered": total, "backend": dist.get_backend(),
        "omp": os.environ["OMP_NUM_THREADS"], "sampler": len(smc.pytorch.distributed_sampler(range(10))),
        "env": [os.environ[name] for name in ("RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE")],
    }
    open(f"{env.output_data_dir}/{dist.get_rank()}.json", "w").write(json.dumps(facts))
assert not dist.is_initialized()
"""
PARTS = """
import json
import smc_core as smc, torch
import torch.distributed as dist
from torch import nn
from torch.distributed.fsdp import fully_shard
from torch.nn.parallel import DistributedDataParallel
from smc_pytorch import models

def make_model():
    torch.manual_seed(3)
    return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))

def train(environment, world_size, rank, local_rank, processes_per_host, backend, master_port, output_data_dir):
    import train as own
    facts = [world_size, rank, local_rank, processes_per_host, backend, environment.is_primary, dist.get_world_size()]
    open(f"{output_data_dir}/{rank}.json", "w").write(json.dumps(facts))
    ddp = DistributedDataParallel(make_model())
    models.save(ddp, own, f"{output_data_dir}/ddp", writes=environment.is_primary)
    model = make_model()
    for layer in (model[0], model[2]):
        fully_shard(layer, mesh=dist.init_device_mesh("cpu", (world_size,)))
    fully_shard(model, mesh=dist.init_device_mesh("cpu", (world_size,)))
    sgd = torch.optim.SGD(model.parameters(), 0.1)
    model(torch.ones(2, 4)).sum().backward()
    sgd.step()
    assert model[0].weight.to_local().shape == (4, 4)
    torch.save(model[0].weight.full_tensor(), f"{output_data_dir}/expected-{rank}.pt")
    return model
"""
LOADED = """
import sys, torch, smc_core as smc
base = sys.argv[1]
sys.path.insert(0, base + "/code")
from train import make_model
ddp = smc.pytorch.load_model(make_model(), base + "/output/data/ddp")
assert all(torch.equal(ours, theirs) for ours, theirs in zip(ddp.parameters(), make_model().parameters()))
for name in ("model.pt", "model.safetensors"):
    loaded = smc.pytorch.load_model(make_model(), base + "/model/" + name)
    assert torch.equal(loaded[0].weight, torch.load(base + "/output/data/expected-0.pt"))
    assert not torch.equal(loaded[0].weight, make_model()[0].weight)
"""


def test_a_module_of_a_package_in_two_processes(job: JobFolder) -> None:
    job.code_files({"pkg/__init__.py": "", "pkg/facts.py": FACTS}).hyperparameters(
        epochs="3", sagemaker_torch_distributed_enabled="true", sagemaker_mpi_num_of_processes_per_host="2"
    )
    ended = job.run("pkg.facts")
    assert ended.exit_code == 0, ended.stderr
    first, second = (json.loads((job.base / f"output/data/{rank}.json").read_text()) for rank in (0, 1))
    assert first["env"] == ["0", "0", "2", "2"]
    assert second["env"] == ["1", "1", "2", "2"]
    for facts in (first, second):
        assert facts["argv"] == ["--epochs", "3"]
        assert (facts["name"], facts["package"]) == ("__main__", "pkg")
        assert (facts["gathered"], facts["backend"], facts["sampler"]) == ([0, 1], "gloo", 5)
        assert int(facts["omp"]) >= 1
    assert "*****" not in ended.stderr  # torchrun's warning about OMP_NUM_THREADS


def test_what_each_process_is_told_and_a_model_in_parts(job: JobFolder, run_python: RunPython) -> None:
    ended = job.code(train_py=PARTS).run("train.py", **TWO)
    assert ended.exit_code == 0, ended.stderr
    told = [json.loads((job.base / f"output/data/{rank}.json").read_text()) for rank in (0, 1)]
    assert told == [[2, 0, 0, 2, "gloo", True, 2], [2, 1, 1, 2, "gloo", False, 2]]
    assert {path.name for path in (job.base / "model").iterdir()} == {"model.pt", "model.safetensors"}
    run_python(LOADED, job.base)


ONE_RANK = """
import torch

def train(rank):
    return torch.nn.Linear(2, 2) if rank == 1 else None
"""


def test_a_model_of_another_process_alone_is_a_warning(job: JobFolder) -> None:
    ended = job.code(train_py=ONE_RANK).run("train.py", **TWO)
    assert ended.exit_code == 0, ended.stderr
    assert len(re.findall(r"train\(\) returned a value in rank 1 \(.*\) and none in rank 0", ended.stderr)) == 1
    assert list((job.base / "model").iterdir()) == []


LIGHTNING = """
import json
import lightning, torch

class Net(lightning.LightningModule):
    def __init__(self):
        super().__init__()
        self.net = torch.nn.Linear(4, 1)
    def training_step(self, batch, index):
        return self.net(batch[0]).sum()
    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), 0.01)

def train(environment, rank, output_data_dir):
    data = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(torch.ones(8, 4)), batch_size=2)
    quiet = dict.fromkeys(("logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary"), False)
    trainer = lightning.Trainer(max_epochs=1, accelerator="cpu", devices=2, strategy="ddp", **quiet)
    model = Net()
    trainer.fit(model, data)
    facts = [trainer.world_size, rank, environment.is_primary, environment.user_args]
    open(f"{output_data_dir}/{trainer.global_rank}.json", "w").write(json.dumps(facts))
    return model
"""


@pytest.mark.skipif(not is_installed("lightning"), reason="Lightning is not installed")
def test_lightning_starts_the_same_function_in_its_own_processes(job: JobFolder) -> None:
    ended = job.code(train_py=LIGHTNING).hyperparameters(epochs=3).run("train.py")
    assert ended.exit_code == 0, ended.stderr
    told = [json.loads((job.base / f"output/data/{rank}.json").read_text()) for rank in (0, 1)]
    assert told == [[2, 0, True, ["--epochs", "3"]], [2, 1, False, ["--epochs", "3"]]]
    assert ended.stderr.count("model saved: ") == 1
    assert (job.base / "model/model.pt").is_file()
