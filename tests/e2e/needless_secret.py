#!/usr/bin/env python3
"""A server without a secret warns at its start, and tells a client that waits for a challenge; the client goes on trying."""
import time

from harness import DEADLINE_S, Scene, parallel, visit

NO_SECRET = {"Error": "this server has no secret and asks for none"}


with Scene() as scene:
    def client_is_told():
        server = scene.server(name="server-open")
        server.wait_for(r"warning: no secret: .*--secret-file")
        client = scene.client(1, server, "-q", "--max-reconnect-delay", 1, connected=False, name="client-secret",
                              env={"REBORE_SECRET": "s3cret"})
        client.wait_for(r"no connection \(the server says .*has no secret.*one is given here.*\); trying again")
        server.wait_for_count(r"is silent: it may wait for a challenge.*this server has none", 2)
        assert client.is_running() and client.end() == 0
        assert server.count("left without a word") == 0

    def late_first_message():
        """What is said after the hint counts, until 3 s."""
        server = scene.server(name="server-late")
        peer = scene.connect(server)
        assert peer.receive() == NO_SECRET
        peer.send({"Hello": 0})
        assert peer.receive().keys() == {"Hello"}

    def slow_way():
        """A client without a secret that is told so waits on for its answer."""
        fake = scene.fake_server()
        client = scene.client(1, fake, connected=False, name="client-slow")
        peer = fake.accept()
        peer.receive()
        peer.send(NO_SECRET)
        peer.send(NO_SECRET, {"Hello": 4242})
        client.wait_for("connected to")

    def late_data_connection():
        """It is not told while it may be a data connection whose first message is late: the service would get that."""
        server = scene.server(name="server-data")
        control = scene.hello(server)
        with visit(control.public_port) as visitor:
            name = control.receive_but_heartbeats()["Connection"]
            visitor.sendall(b"bytes")
            while not is_served_late(server, name):
                pass

    def is_served_late(server, name):
        """Behind the 2 s of the hint and before the 3 s of the end, unless the machine has slept over the latter."""
        start = time.monotonic()
        data = scene.connect(server)
        data.sock.settimeout(2.2)
        try:
            raise AssertionError(f"told {data.receive()}")
        except TimeoutError:
            pass
        data.sock.settimeout(DEADLINE_S)
        try:
            data.send({"Accept": name})
            in_time = time.monotonic() < start + 2.9
            assert data.raw(5) == b"bytes"
            return True
        except (AssertionError, EOFError, ConnectionError):
            if in_time:
                raise
            return False

    def with_a_secret():
        server = scene.server(env={"REBORE_SECRET": "s3cret"}, name="server-secret")
        peer = scene.connect(server)
        assert peer.receive().keys() == {"Challenge"}
        assert peer.receive() == {"Error": "timed out waiting for initial message"}
        assert server.count("no secret|has none") == 0

    parallel(client_is_told, late_first_message, slow_way, late_data_connection, with_a_secret)
