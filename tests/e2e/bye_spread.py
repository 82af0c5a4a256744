#!/usr/bin/env python3
"""A server that stops asks its clients to come back one after the other when there are many, and in a second when not."""
import uuid

from harness import Scene, parallel


def announce(control):
    control.send({"Announce": {"version": 1, "instance": str(uuid.uuid4()), "attempt": 1, "can": ["heartbeat", "lease"]}})


def retry_ms(control):
    while not isinstance(message := control.receive_but_heartbeats(), dict) or "Bye" not in message:
        pass
    return message["Bye"]["retry_ms"]


with Scene() as scene:
    def asked_for(count):
        server = scene.server(name=f"server-{count}")
        controls = [scene.hello(server) for _ in range(count)]
        for control in controls:
            announce(control)
        for control in controls:
            assert "Announce" in control.receive_but_heartbeats()
        server.end()
        return [retry_ms(control) for control in controls]

    few, many = parallel(lambda: asked_for(2), lambda: asked_for(150))
    assert all(1000 <= ms <= 1004 for ms in few), few
    # 2 ms for each of them, at random
    assert all(1000 <= ms < 1300 for ms in many), many
    assert max(many) - min(many) > 150, many
