#!/usr/bin/env python3
"""Bytes in the same segment as a frame are not lost: behind Accept, behind Hello, and behind the server's own frames."""
import uuid

from harness import Scene, answer, noise, parallel, read_exactly, visit

SECRET = "s3cret"

with Scene() as scene:
    def behind_accept(size, secret):
        """A fake client sends raw bytes in the same write as its Accept."""
        server = scene.server(*(["-s", SECRET] if secret else []), name="server-early")
        control = scene.connect(server)
        if secret:
            control.send(answer(SECRET, control.receive()["Challenge"]))
        control.send({"Hello": 0})
        port = control.receive()["Hello"]
        for seed in range(5):
            early = noise(size, seed) + b"\0\0"
            with visit(port) as visitor:
                name = control.receive_but_heartbeats()["Connection"]
                data = scene.connect(server)
                frames = [answer(SECRET, data.receive()["Challenge"])] if secret else []
                data.send(*frames, {"Accept": name}, early)
                assert read_exactly(visitor, len(early)) == early
                visitor.sendall(early)
                assert data.raw(len(early)) == early

    def behind_challenge():
        """A fake server sends the visitor's first bytes right behind the challenge of the data connection: it knows the
        visitor already."""
        fake = scene.fake_server()
        client = scene.client(scene.echo_service(), fake, "-s", SECRET, connected=False, name="client-early")
        control = fake.accept()
        challenge = str(uuid.uuid4())
        control.send({"Challenge": challenge})
        assert control.receive() == answer(SECRET, challenge)
        assert control.receive() == {"Hello": 0}
        name, second = str(uuid.uuid4()), str(uuid.uuid4())
        # Announcements in the same segment as the answer to Hello
        control.send({"Hello": 4242}, {"Connection": name}, "Heartbeat", {"Connection": second})
        early = noise(3_000) + b"\0" + noise(50_000)
        accepted = set()
        for _ in range(2):
            data = fake.accept()
            challenge = str(uuid.uuid4())
            data.send({"Challenge": challenge}, early)
            assert data.receive() == answer(SECRET, challenge)
            accepted.add(data.receive()["Accept"])
            assert data.raw(len(early)) == early
        assert accepted == {name, second}
        client.end()

    parallel(lambda: behind_accept(100, False), lambda: behind_accept(100, True), lambda: behind_accept(60_000, False),
             lambda: behind_accept(240, True), behind_challenge)
