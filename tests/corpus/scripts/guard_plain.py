# script: the guard of every tutorial
import argparse

import torch


def train(args, model, device, loader, optimizer, epoch):
    model.train()
    for data, target in loader:
        optimizer.zero_grad()
        loss = torch.nn.functional.nll_loss(model(data.to(device)), target.to(device))
        loss.backward()
        optimizer.step()


def main():
    parser = argparse.ArgumentParser(description="digits")
    parser.add_argument("--epochs", type=int, default=14)
    args = parser.parse_args()
    for epoch in range(1, args.epochs + 1):
        train(args, None, "cpu", [], None, epoch)


if __name__ == "__main__":
    main()
