#!/usr/bin/env python3
"""SIGHUP makes a waiting client retry at once, does nothing to one that is connected, and does not end a server."""
import signal

from harness import AGAIN, Scene, Took, echoes, within

with Scene() as scene:
    fake = scene.fake_server()
    client = scene.client(1, fake, "-v", connected=False)
    fake.accept().reset()
    for number in range(1, 5):
        delay = float(client.wait_for_count(AGAIN, number)[-1])
        with Took() as took:
            client.send(signal.SIGHUP)
            peer = fake.accept()
        within(took.s, 0.6, f"an attempt at once, and not after {delay} s")
        peer.reset()
    assert delay > 4, "the signal must not start the backoff over"
    assert client.end() == 0

    server = scene.server()
    client = scene.client(scene.echo_service(), server, name="client-connected")
    port = client.public_port()
    client.send(signal.SIGHUP)
    server.send(signal.SIGHUP)
    server.wait_for("SIGHUP")
    assert echoes(port, b"goes on")
    assert client.is_running() and client.count("connection lost") == 0
    assert client.end() == 0 and server.end() == 0
