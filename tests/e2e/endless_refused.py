#!/usr/bin/env python3
"""A peer that is refused and goes on sending as fast as it can is let go after 64 KiB, and what lies in socket buffers."""
import socket

from harness import DEADLINE_S, Scene

# The receive buffer of the server, at its largest, and the send buffer here
MOST = 64 * 1024 + 16_000_000
BLOCK = b"x" * 65536

with Scene() as scene:
    server = scene.server()
    peer = scene.connect(server)
    peer.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)
    peer.sock.settimeout(DEADLINE_S)
    sent = 0
    try:
        while sent <= MOST:
            sent += peer.sock.send(BLOCK)
    except ConnectionError:
        pass
    assert sent <= MOST, sent
    # It is told why all the same
    refused = scene.connect(server)
    refused.send(b"x" * 60000)
    assert refused.receive() == {"Error": "unable to parse message"}
