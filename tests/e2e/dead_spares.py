#!/usr/bin/env python3
"""Spare connections that the client has ended after a burst of visitors are given back by the server, too."""
import time

from harness import Scene, eventually, flood

with Scene() as scene:
    server = scene.server()
    client = scene.client(scene.echo_service(), server)
    for _ in range(10):
        visitors, served = flood(client.public_port(), 64)
        assert served == 64, served
        for visitor in visitors:
            visitor.close()

    # What the client keeps it has at rest after some seconds; the server must come down to as much
    last, since = None, 0

    def client_rests():
        global last, since
        if client.descriptors() != last:
            last, since = client.descriptors(), time.monotonic()
        return time.monotonic() - since > 11

    eventually(client_rests, "the client comes to rest")
    eventually(lambda: server.descriptors() <= client.descriptors() + 4,
               f"the server has hardly more descriptors than its client, {client.descriptors()}")
    # And spares are no sham: what is left of them serves
    visitors, served = flood(client.public_port(), 3)
    assert served == 3
