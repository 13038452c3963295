# function (run): async def
import os


def note():
    with open(os.path.join(os.environ["SM_MODEL_DIR"], "trained"), "a") as file:
        file.write("x")
import asyncio


async def train():
    await asyncio.sleep(0)
    note()
