"""A TCP port that makes the way to a server longer: every byte is passed on a fixed time after it came, in each direction.

    delay_proxy.py SERVER_PORT MILLISECONDS

It prints its own port, and ends when its standard input does.
"""

import asyncio
import sys


class Side(asyncio.Protocol):
    """One end of a connection; what it receives goes to the other end, later."""

    def __init__(self, delay):
        self.delay = delay
        self.other = None
        self.transport = None

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        asyncio.get_running_loop().call_later(self.delay, self.other.transport.write, data)

    def connection_lost(self, _):
        asyncio.get_running_loop().call_later(self.delay, self.other.transport.close)


async def main(server_port, delay):
    loop = asyncio.get_running_loop()

    async def serve(near):
        _, far = await loop.create_connection(lambda: Side(delay), "127.0.0.1", server_port)
        near.other, far.other = far, near
        near.transport.resume_reading()

    class Near(Side):
        def connection_made(self, transport):
            super().connection_made(transport)
            transport.pause_reading()
            self.task = loop.create_task(serve(self))

    server = await loop.create_server(lambda: Near(delay), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


asyncio.run(main(int(sys.argv[1]), int(sys.argv[2]) / 1000))
