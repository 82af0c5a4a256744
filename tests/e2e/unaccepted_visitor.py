#!/usr/bin/env python3
"""A visitor that its client does not accept within 10 s is closed, and an Accept that comes late or twice is refused."""
import time
import uuid

from harness import Scene, ending_of, parallel, visit, within

with Scene() as scene:
    server = scene.server()

    def not_accepted():
        control = scene.hello(server)
        start = time.monotonic()
        visitor = visit(control.public_port)
        name = control.receive_but_heartbeats()["Connection"]
        visitor.sendall(b"hello?")
        assert ending_of(visitor) in ("end", "reset")
        took = time.monotonic() - start
        assert 9.5 <= took, took
        within(took, 12, "it is closed")
        server.wait_for(rf"visitor [0-9a-f]{{8}} from 127\.0\.0\.1:\d+ on port {control.public_port} dropped: .*10 s")
        late = scene.connect(server)
        late.send({"Accept": name})
        assert late.ending() in ("end", "reset")
        # The tunnel stands
        with visit(control.public_port) as visitor:
            accept(control.receive_but_heartbeats()["Connection"], visitor)

    def accept(name, visitor):
        data = scene.connect(server)
        data.send({"Accept": name})
        data.send(b"x")
        assert visitor.recv(1) == b"x"
        return data

    def accepted_twice():
        control = scene.hello(server)
        with visit(control.public_port) as visitor:
            name = control.receive_but_heartbeats()["Connection"]
            data = accept(name, visitor)
            second = scene.connect(server)
            second.send({"Accept": name})
            assert second.ending() in ("end", "reset")
            data.send(b"y")
            assert visitor.recv(1) == b"y"

    def accepted_by_none():
        # The same of one address is told once a minute
        peer = scene.connect(server, source="127.0.1.1")
        peer.send({"Accept": str(uuid.uuid4())})
        assert peer.ending() in ("end", "reset")
        server.wait_for(r"127\.0\.1\.1:%d accepts a visitor that does not wait" % peer.sock.getsockname()[1])

    def client_never_answers():
        """Our client against a server that announces and then does not accept its data connection"""
        fake = scene.fake_server()
        client = scene.client(scene.echo_service(), fake, connected=False)
        control = fake.accept_client()
        for _ in range(3):
            control.send({"Connection": str(uuid.uuid4())})
            fake.accept().reset()
        data = fake.announce(control)
        data.send(b"fine")
        assert data.raw(4) == b"fine"
        assert client.count("connection lost") == 0

    parallel(not_accepted, accepted_twice, accepted_by_none, client_never_answers)
