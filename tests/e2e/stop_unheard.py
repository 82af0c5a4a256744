#!/usr/bin/env python3
"""A stop does not wait for a peer that is silent on a data connection of streams: not for its challenge, nor for the
frame that belongs to Resume."""
import uuid

from harness import Scene, Took, eventually, parallel, within

SECRET = "swordfish"
CAN_STREAM = {"version": 1, "can": ["heartbeat", "lease", "spare", "stream"], "lease_ms": 30000, "spares": 8,
              "key": str(uuid.uuid4()), "resume_ms": 30000}


with Scene() as scene:
    def client_stops():
        """Its data connections wait for a challenge."""
        fake = scene.fake_server()
        client = scene.client(scene.echo_service(), fake, "-s", SECRET, "-v", connected=False, name="client-stops")
        control = fake.accept()
        control.send({"Challenge": str(uuid.uuid4())})
        assert "Authenticate" in control.receive()
        assert control.receive() == {"Hello": 0}
        control.send({"Hello": 4242})
        assert "Announce" in control.receive()
        control.send({"Announce": CAN_STREAM})
        silent = [fake.accept() for _ in range(4)]
        with Took() as took:
            assert client.end() == 0
        within(took.s, 0.3, "the client stops")
        for peer in silent:
            peer.close()

    def server_stops():
        """Connections said Resume, and nothing behind it."""
        server = scene.server(name="server-stops")
        client = scene.client(scene.echo_service(), server, name="client-of-it")
        client.public_port()
        peers = [scene.connect(server) for _ in range(5)]
        idle = server.threads()
        for peer in peers:
            peer.send({"Resume": str(uuid.uuid4())})
        eventually(lambda: server.threads() >= idle, "the server reads them")
        with Took() as took:
            assert server.end() == 0
        within(took.s, 0.3, "the server stops")

    parallel(client_stops, server_stops)
