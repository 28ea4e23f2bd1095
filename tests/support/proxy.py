"""A TCP proxy for each edge of a network: late, slow, or cut off in the middle."""

import asyncio
import contextlib
import random
import socket
import struct
import threading
import time

CHUNK = 4096


class Proxy:
    """Forwards connections; use as a context.

    Parameters
    ----------
    edges : dict
        From any name of an edge to the port that its receiver listens at.
    delay : tuple of float
        Least and most seconds that a chunk is late; the order stays.
    rate : float
        Bytes a second, on each edge and way; 0: any.
    reset_after : int
        Bytes to the receiver after which a connection is reset; 0: never.
    resets : int
        How many connections of an edge are.
    stall : tuple of float
        Seconds since the start between which nothing goes to a receiver.

    Attributes
    ----------
    ports : dict
        From the names of edges to the proxy's ports.
    cut : int
        Connections that were reset.
    """

    def __init__(
        self, edges, delay=(0, 0), rate=0, reset_after=0, resets=3, stall=(0, 0)
    ):
        self.edges, self.delay, self.rate = edges, delay, rate
        self.reset_after, self.resets, self.stall = reset_after, resets, stall
        self.ports, self.cut, self.left = {}, 0, dict.fromkeys(edges, resets)
        self.random = random.Random(0)
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever)

    def __enter__(self):
        self.started = time.monotonic()
        self.thread.start()
        asyncio.run_coroutine_threadsafe(self._listen(), self.loop).result()
        return self

    def __exit__(self, *exception):
        asyncio.run_coroutine_threadsafe(self._stop(), self.loop).result()
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()

    async def _listen(self):
        self.servers = []
        for edge in self.edges:

            async def serve(reader, writer, edge=edge):
                await self._serve(edge, reader, writer)

            server = await asyncio.start_server(serve, "127.0.0.1", 0)
            self.servers.append(server)
            self.ports[edge] = server.sockets[0].getsockname()[1]

    async def _stop(self):
        for server in self.servers:
            server.close()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, edge, reader, writer):
        try:
            there = await asyncio.open_connection("127.0.0.1", self.edges[edge])
        except OSError:
            reset(writer)
            return
        ways = [
            asyncio.ensure_future(self._forward(reader, there[1], edge)),
            asyncio.ensure_future(self._forward(there[0], writer, None)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            reset(writer)
            reset(there[1])

    async def _forward(self, reader, writer, edge):
        """Forward one way; ``edge`` is the name if it is to the receiver."""
        waiting, passed = asyncio.Queue(), 0
        sender = asyncio.ensure_future(self._send(waiting, writer, edge))
        try:
            while chunk := await reader.read(CHUNK):
                passed += len(chunk)
                late = self.loop.time() + self.random.uniform(*self.delay)
                cut = edge and self.reset_after and passed > self.reset_after
                if cut and self.left[edge]:
                    self.left[edge] -= 1
                    self.cut += 1
                    return
                await waiting.put((late, chunk))
        except OSError:
            pass
        finally:
            sender.cancel()

    async def _send(self, waiting, writer, edge):
        with contextlib.suppress(OSError):
            while True:
                late, chunk = await waiting.get()
                pause = late - self.loop.time()
                since = time.monotonic() - self.started
                if edge and self.stall[0] < since < self.stall[1]:
                    pause = self.stall[1] - since
                if self.rate:
                    pause = max(pause, len(chunk) / self.rate)
                if pause > 0:
                    await asyncio.sleep(pause)
                writer.write(chunk)
                await writer.drain()


def reset(writer):
    """Close a connection with RST, whatever is on its way."""
    connection = writer.get_extra_info("socket")
    with contextlib.suppress(OSError):
        linger = struct.pack("ii", 1, 0)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    writer.transport.abort()
