#!/usr/bin/env python3
"""Proxied connections go on while the control connection is away, and the tunnel comes back at the same public port."""
from harness import Scene, ask, echoes, eventually, is_refused, noise, parallel, visit

DATA = noise(5_000_000)

with Scene() as scene:
    service_port = scene.echo_service()

    def cut(*options, name):
        """A tunnel with a visitor whose control connection is gone and stays away, until proxy.open()"""
        server = scene.server(*options, name=f"server-{name}")
        proxy = scene.proxy(server.control_port)
        client = scene.client(service_port, proxy, name=f"client-{name}")
        visitor = visit(client.public_port())
        assert ask(visitor, b"before") == b"before"
        mark = client.mark()
        proxy.refuse()
        proxy.cut(0)  # the first one is the control connection
        client.wait_for(r"no connection \(.*; trying again", after=mark)
        return server, proxy, client, visitor, mark

    def goes_on(server, client, visitor):
        for start in range(0, len(DATA), 500_000):
            assert ask(visitor, DATA[start:start + 500_000]) == DATA[start:start + 500_000]
        visitor.close()
        moved = len(DATA) + 6
        server.wait_for(rf"visitor \S+ from \S+ on port {client.public_port()}: [0-9.]+ s, {moved} bytes in, {moved} bytes out\n")

    def without_lease():
        server, proxy, client, visitor, mark = cut("--lease", 0, name="no-lease")
        port = client.public_port()
        eventually(lambda: is_refused(port), "the port is free")
        goes_on(server, client, visitor)
        proxy.open()
        assert client.public_port(after=mark) == port
        assert echoes(port, DATA)

    def with_lease():
        """Who comes meanwhile waits, and is served."""
        server, proxy, client, visitor, mark = cut(name="lease")
        waiting = visit(client.public_port())
        waiting.sendall(b"meanwhile")
        goes_on(server, client, visitor)
        proxy.open()
        assert client.public_port(after=mark) == client.public_port()
        assert waiting.recv(9) == b"meanwhile"

    parallel(without_lease, with_lease)
