#!/usr/bin/env python3
"""A server that says without end that it has no secret, and nothing else, is given up like one that says nothing."""
from harness import AGAIN, Scene, parallel

HINTS = b'{"Error":"this server has no secret and asks for none"}\0' * 20_000

with Scene() as scene:
    fake = scene.fake_server()
    client = scene.client(1, fake, connected=False)
    peer = fake.accept()

    def feed():
        try:
            while True:
                peer.send(HINTS)
        except OSError:
            pass  # the client has had enough

    parallel(feed, lambda: client.wait_for(r"no connection \(.*\); " + AGAIN))
    assert client.end() == 0
