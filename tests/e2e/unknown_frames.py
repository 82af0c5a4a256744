#!/usr/bin/env python3
"""Unknown frames behind Hello are skipped by the server, and by an established client; the tunnel works, the log tells once."""
import uuid

from harness import Scene, parallel, visit

UNKNOWN = {"Novelty": {"version": 1, "instance": str(uuid.uuid4()), "attempt": 1, "can": ["heartbeat", "lease"]}}

with Scene() as scene:
    def server_skips():
        server = scene.server()
        control = scene.connect(server)
        control.send({"Hello": 0}, UNKNOWN, "Heartbeat", {"Unknown\x1b[31m": [1, {"a": None}]})
        port = control.receive()["Hello"]
        control.send("Novelty")
        with visit(port) as visitor:
            name = control.receive_but_heartbeats()["Connection"]
            data = scene.connect(server)
            data.send({"Accept": name})
            data.send(b"served")
            assert visitor.recv(6) == b"served"
        for _ in range(3):
            while control.receive() != "Heartbeat":
                pass
        assert server.count("sent Novelty behind its Hello; it is skipped") == 1
        assert server.count("behind its Hello") == 1
        assert "\x1b" not in server.log()
        # What is no message ends it
        control.send(b"garbage\0")
        assert control.ending() in ("end", "reset")
        server.wait_for(rf"port {port} is free")

    def client_skips():
        fake = scene.fake_server()
        client = scene.client(scene.echo_service(), fake, connected=False)
        control = fake.accept()
        control.receive()
        control.send({"Hello": 4242}, UNKNOWN, {"Unknown\x1b[31m": 1}, {"Hello": 1}, "Heartbeat")
        for _ in range(2):
            data = fake.announce(control)
            data.send(b"served")
            assert data.raw(6) == b"served"
        assert client.count("unexpected Novelty; it is ignored") == 1
        assert client.count("unexpected") == 1
        # What is no message ends it
        control.send(b"garbage\0")
        client.wait_for(r"connection lost \(.*no message of the protocol\); trying again")
        assert control.ending() in ("end", "reset")

    parallel(server_skips, client_skips)
