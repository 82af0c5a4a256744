#!/usr/bin/env python3
"""Whatever a server says, no delay of the client is below 100 ms, and its state file is not written all the time."""
import json
import os
import time

from harness import AGAIN, Scene, parallel

LEAST_S = 0.1


def announce(lease_ms):
    return {"Announce": {"version": 1, "can": ["heartbeat", "lease"], "lease_ms": lease_ms, "spares": 0}}


with Scene() as scene:
    def leases(lease_ms):
        """A lease so short that a quarter of it is nothing; each session carries bytes, and so is a good one."""
        fake = scene.fake_server()
        client = scene.client(service_port, fake, "-v", "--spares", 0, connected=False, name=f"client-lease-{lease_ms}")
        for number in range(1, 9):
            control = fake.accept_client()
            control.send(announce(lease_ms))
            data = fake.announce(control)
            data.send(b"x")
            assert data.raw(1) == b"x"
            control.close()
            delay = float(client.wait_for_count(AGAIN, number)[-1])
            assert delay >= LEAST_S, delay

    def byes():
        """Another port and a Bye, each time."""
        fake = scene.fake_server()
        path = os.path.join(scene.folder, "state")
        client = scene.client(service_port, fake, "-v", "--spares", 0, "--state-file", path, connected=False, name="client-bye")
        begun, seen = time.monotonic(), set()
        for number in range(1, 9):
            control = fake.accept_client(4000 + number)
            control.send(announce(30000))
            data = fake.announce(control)
            data.send(b"x")
            assert data.raw(1) == b"x"
            with open(path, encoding="ascii") as file:
                seen.add(json.load(file)["port"])
            control.send({"Bye": {"retry_ms": 0}})
            delay = float(client.wait_for_count(AGAIN, number)[-1])
            assert delay >= LEAST_S, delay
        assert 4001 in seen, "what a client that is killed would need is written at once"
        assert len(seen) <= 2 + (time.monotonic() - begun) / 2, (seen, time.monotonic() - begun)
        control = fake.accept_client(5000)
        client.wait_for("5000")
        assert client.end() == 0
        with open(path, encoding="ascii") as file:
            assert json.load(file)["port"] == 5000

    service_port = scene.echo_service()
    parallel(lambda: leases(1), lambda: leases(3), lambda: leases(400), byes)
