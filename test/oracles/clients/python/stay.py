"""A client of the Python SDK, 1.x or 2.x, that connects, lists and calls, and stays until its input
ends. Usage: stay.py URL"""

import asyncio
import sys
from contextlib import asynccontextmanager


@asynccontextmanager
async def connect(url):
    try:
        from mcp import Client
    except ImportError:
        from mcp import ClientSession
        from mcp.client.streamable_http import streamable_http_client

        async with streamable_http_client(url) as (read, write, _):
            async with ClientSession(read, write) as session:
                await session.initialize()
                yield session
    else:
        async with Client(url) as client:
            yield client


async def main():
    async with connect(sys.argv[1]) as client:
        await client.list_tools()
        await client.call_tool("echo", {})
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.read)


asyncio.run(main())
