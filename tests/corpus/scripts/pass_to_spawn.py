# script: passed on to spawn
import torch.multiprocessing as mp


def train(rank, world_size):
    return rank, world_size


mp.spawn(train, args=(2,), nprocs=2, join=True)
