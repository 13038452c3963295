# script: a command of an app that is called on the last line
import typer

app = typer.Typer()


@app.command()
def train(epochs: int = 3):
    return epochs


app()
