#!/usr/bin/env python3
"""A client that asked for any port survives a server that comes back with another range, which excludes the old port."""
from harness import Scene, echoes

with Scene() as scene:
    server = scene.server("--min-port", 20000, "--max-port", 20999)
    client = scene.client(scene.echo_service(), server)
    assert 20000 <= client.public_port() <= 20999
    mark = client.mark()
    server.end()
    server = scene.server("--min-port", 21000, "--max-port", 21999, control_port=server.control_port)
    port = client.public_port(after=mark)
    assert 21000 <= port <= 21999
    client.wait_for("the public address has changed", after=mark)
    assert echoes(port, b"served")
