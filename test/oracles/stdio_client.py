"""A host on the Python SDK. Prints what it got as one line of JSON.

Arguments: a file for the function that asks, the command of the bridge and its arguments.
"""

import asyncio
import json
import os
import sys

from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.types import ElicitResult


async def elicit(context, params):
    return ElicitResult(action="accept", content={})


async def main():
    file, command, *args = sys.argv[1:]
    parameters = StdioServerParameters(command=command, args=args, env=dict(os.environ))
    async with stdio_client(parameters) as (read, write):
        async with ClientSession(read, write, elicitation_callback=elicit) as session:
            initialized = await session.initialize()
            tools = await session.list_tools()
            called = await session.call_tool("echo", {"text": "hé"})
            asked = await session.call_tool(
                "authoredtool", {"mode": "confirm", "file": file, "at": "2026-07-28T00:00:00Z"}
            )
    print(
        json.dumps(
            {
                "version": initialized.protocolVersion,
                "tools": sorted(tool.name for tool in tools.tools),
                "called": called.content[0].text,
                "asked": asked.content[0].text,
            }
        )
    )


asyncio.run(main())
