# exit: 1
# first: ValueError: no batch (asyncio_error.py:6, in fetch)
import asyncio

async def fetch():
    raise ValueError("no batch")
asyncio.run(fetch())
