# script: a click command
import click


@click.command()
@click.option("--lr", default=0.1)
def train(lr):
    return lr


train()
