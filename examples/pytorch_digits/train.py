"""Function mode: ``smc run`` calls ``train`` in every process, and saves the model that it returns, once."""

import os

import numpy as np
import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader, TensorDataset

import smc_core as smc

example_input = torch.zeros(2, 64)  # for smc to export the model for serving


def make_model():
    """64 pixels from 0 to 1 in, 10 logits out."""
    return nn.Sequential(nn.Linear(64, 256), nn.ReLU(), nn.Dropout(0.5), nn.Linear(256, 10))


def train(environment, training_dir, hyperparameters):
    """Train a small network on handwritten digits, alone or in several processes.

    Args:
        environment: the Environment of the job.
        training_dir: folder of the channel ``training``.
        hyperparameters: ``training_data_file``, ``epochs``, ``batch-size``, ``learning-rate`` and ``seed``, decoded.
    """
    torch.manual_seed(hyperparameters["seed"])
    data = np.load(os.path.join(training_dir, hyperparameters["training_data_file"]))
    digits = TensorDataset(torch.from_numpy(data["features"]) / 16, torch.from_numpy(data["labels"]))
    sampler = smc.pytorch.distributed_sampler(digits, seed=hyperparameters["seed"])
    loader = DataLoader(
        digits,
        batch_size=max(hyperparameters["batch-size"] // environment.world_size, 1),
        sampler=sampler,
        shuffle=sampler is None,
    )

    device = torch.device("cuda", environment.local_rank) if torch.cuda.is_available() else torch.device("cpu")
    model = make_model().to(device)
    if environment.world_size > 1:
        model = DistributedDataParallel(model)
    sgd = torch.optim.SGD(model.parameters(), hyperparameters["learning-rate"], momentum=0.9, nesterov=True)
    for epoch in range(hyperparameters["epochs"]):
        if sampler is not None:
            sampler.set_epoch(epoch)
        losses = []
        for features, labels in loader:
            sgd.zero_grad()
            loss = nn.functional.cross_entropy(model(features.to(device)), labels.to(device))
            loss.backward()
            sgd.step()
            losses.append(loss.item())
        if environment.rank == 0:
            print(f"epoch={epoch + 1} loss={sum(losses) / len(losses):.4f}", flush=True)
    return model
