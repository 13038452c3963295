# script: one of a group's commands
import click


@click.group()
def cli():
    pass


@cli.command()
@click.argument("config")
def train(config):
    return config


cli(prog_name="tool")
