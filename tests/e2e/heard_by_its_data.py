#!/usr/bin/env python3
"""What a client sends on its data connections is a sign of its life as good as a heartbeat; what it is sent is none."""
import time
import uuid

from harness import PATIENCE, Scene, Took, parallel, visit, within

# So many bytes that the relay splices them
MUCH = bytes(1 << 20)


def announced(scene, server, *can):
    """A client that can send heartbeats, and does not."""
    client = scene.connect(server)
    client.send({"Hello": 0}, {"Announce": {"version": 1, "instance": str(uuid.uuid4()), "attempt": 1,
                                            "can": list(can or ("heartbeat",))}})
    client.public_port = client.receive()["Hello"]
    return client


def accepted(scene, server, client, visitor):
    """A visitor's data connection."""
    while "Connection" not in (message := client.receive()):
        pass
    data = scene.connect(server)
    data.send({"Accept": message["Connection"]})
    visitor.sendall(b"in")
    assert data.raw(2) == b"in"
    return data


def gone(client):
    return rf"client \S+:{client.sock.getsockname()[1]} is gone \(no heartbeat from the client\)"


with Scene() as scene:
    server = scene.server("--client-timeout", 3)

    def stays_while_its_bytes_come(what):
        client = announced(scene, server)
        with visit(client.public_port) as visitor:
            data = accepted(scene, server, client, visitor)
            end = time.monotonic() + 5
            while time.monotonic() < end:
                data.send(what)
                rest = len(what)
                while rest > 0:
                    rest -= len(visitor.recv(1 << 20))
                time.sleep(0.5)  # the speed of a slow uplink
            assert server.count(gone(client)) == 0, "heard, and yet lost"
            with Took() as took:
                server.wait_for(gone(client))
            assert 2 <= took.s, took.s
            within(took.s, 4, "silence is noticed")
            data.send(b"on")  # and what stands goes on
            assert visitor.recv(2) == b"on"

    def is_lost_while_bytes_go_to_it():
        client = announced(scene, server)
        with visit(client.public_port) as visitor:
            data = accepted(scene, server, client, visitor)
            start = time.monotonic()
            while server.count(gone(client)) == 0:
                assert time.monotonic() < start + 10 * PATIENCE, "silent, and not lost"
                visitor.sendall(b"to the service")
                data.raw(14)
                time.sleep(0.1)

    parallel(lambda: stays_while_its_bytes_come(b"!"), lambda: stays_while_its_bytes_come(MUCH),
             is_lost_while_bytes_go_to_it)

# A client that is away and whose lease runs is not taken for gone while it serves a visitor
with Scene() as scene:
    server = scene.server("--lease", 2)
    client = announced(scene, server, "lease")
    with visit(client.public_port) as visitor:
        data = accepted(scene, server, client, visitor)
        client.reset()
        server.wait_for(r"is kept for 2 s")
        end = time.monotonic() + 5
        while time.monotonic() < end:
            data.send(b"!")
            assert visitor.recv(1) == b"!"
            time.sleep(0.5)
        assert server.count("is free") == 0, "alive, and yet its port was given away"
        server.wait_for(rf"port {client.public_port} is free")
