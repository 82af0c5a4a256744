#!/usr/bin/env python3
"""A peer that never finishes a message is dropped after 3 s, each in a thread of its own: others are served meanwhile."""
import time

from harness import Scene, echoes, parallel, within

with Scene() as scene:
    server = scene.server()
    secret_server = scene.server("-s", "x", name="server-secret")
    client = scene.client(scene.echo_service(), server)
    port = client.public_port()

    def dropped(target, first_bytes, source):
        start = time.monotonic()
        peer = scene.connect(target, source=source)
        peer.send(first_bytes)
        if target is secret_server:
            peer.receive()
        said = peer.receive()
        if target is server and not first_bytes and "no secret" in said["Error"]:  # unless it may be a data connection
            said = peer.receive()
        assert said == {"Error": "timed out waiting for initial message"}
        assert peer.ending() == "end"
        took = time.monotonic() - start
        assert 2.9 <= took, took
        within(took, 3.6, "it is dropped")
        target.wait_for("%s:%d dropped: it said nothing for 3 s" % peer.sock.getsockname())

    def drips():
        """A byte now and then does not keep it."""
        peer = scene.connect(server)
        start = time.monotonic()
        try:
            while time.monotonic() < start + 20:
                peer.send(b" ")
                time.sleep(0.3)
        except OSError:
            pass
        within(time.monotonic() - start, 8, "it is dropped")

    def served():
        end = time.monotonic() + 3.5
        while time.monotonic() < end:
            start = time.monotonic()
            assert echoes(port, b"served")
            scene.hello(server).close()
            within(time.monotonic() - start, 1, "others are served")
            time.sleep(0.1)

    # The same of one address is told once a minute
    parallel(drips, served, *[lambda target=target, first=first, source=source: dropped(target, first, source)
                              for target in (server, secret_server) for first in (b"", b'{"Hel')
                              for source in [f"127.0.{1 + len(first)}.{1 + i}" for i in range(10)]])
