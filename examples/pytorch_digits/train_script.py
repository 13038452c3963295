"""Script mode: ``smc run`` runs this file as ``python train_script.py --batch-size 32 …`` would, or torchrun does."""

import argparse
import os

import numpy as np
import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader, TensorDataset

import smc_core as smc

parser = argparse.ArgumentParser()
parser.add_argument("--training-data-dir", default=os.environ["SM_CHANNEL_TRAINING"])
parser.add_argument("--training_data_file", default="digits.npz")
parser.add_argument("--model-dir", default=os.environ["SM_MODEL_DIR"])
parser.add_argument("--epochs", type=int, default=20)
parser.add_argument("--batch-size", type=int, default=16)
parser.add_argument("--learning-rate", type=float, default=0.05)
parser.add_argument("--seed", type=int, default=7)
args = parser.parse_args()

rank, world_size = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
device = torch.device("cpu")
if torch.cuda.is_available():
    device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))


def main():
    """Train, and save the model in the first process."""
    torch.manual_seed(args.seed)
    data = np.load(os.path.join(args.training_data_dir, args.training_data_file))
    digits = TensorDataset(torch.from_numpy(data["features"]) / 16, torch.from_numpy(data["labels"]))
    sampler = smc.pytorch.distributed_sampler(digits, seed=args.seed)
    loader = DataLoader(digits, max(args.batch_size // world_size, 1), sampler=sampler, shuffle=sampler is None)

    plain = nn.Sequential(nn.Linear(64, 256), nn.ReLU(), nn.Dropout(0.5), nn.Linear(256, 10)).to(device)
    model = DistributedDataParallel(plain) if dist.is_initialized() else plain
    sgd = torch.optim.SGD(model.parameters(), args.learning_rate, momentum=0.9, nesterov=True)
    for epoch in range(args.epochs):
        if sampler is not None:
            sampler.set_epoch(epoch)
        losses = []
        for features, labels in loader:
            sgd.zero_grad()
            loss = nn.functional.cross_entropy(model(features.to(device)), labels.to(device))
            loss.backward()
            sgd.step()
            losses.append(loss.item())
        if rank == 0:
            print(f"epoch={epoch + 1} loss={sum(losses) / len(losses):.4f}", flush=True)

    if rank == 0:
        torch.save(plain.cpu().state_dict(), os.path.join(args.model_dir, "model.pt"))


with smc.pytorch.process_group():  # where torchrun has started this; alone, nothing happens
    main()
