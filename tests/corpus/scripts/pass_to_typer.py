# script: a typer command
import typer


def train(epochs: int = typer.Option(3)):
    return epochs


typer.run(train)
