#!/usr/bin/env python3
"""Visitors that reset their connections at once do not keep the client from having spares."""
import socket
import struct
import time

from harness import Scene, Took, echoes, eventually, within

# Of the server: control connection, listener and wake-up; and as many spares as there are by default
TUNNEL, SPARES = 3, 4

with Scene() as scene:
    server = scene.server()
    usual = server.descriptors() + TUNNEL + SPARES
    client = scene.client(scene.echo_service(), server)
    port = client.public_port()
    assert echoes(port, b"before")
    eventually(lambda: server.descriptors() >= usual, "the spares are there")

    for _ in range(6):
        for _ in range(20):
            visitor = socket.create_connection(("127.0.0.1", port))
            visitor.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            visitor.close()
            time.sleep(0.01)
        # A rest would take five seconds; what the client tends it tends every two
        with Took() as took:
            eventually(lambda: server.descriptors() >= usual, "the spares are there again")
        within(took.s, 3.5, "the spares are there again")
    assert echoes(port, b"after")
