#!/usr/bin/env python3
"""A server that falls silent is lost after --heartbeat-timeout, not sooner while it speaks, and the log says so."""
import time

from harness import DEADLINE_S, Scene, Took, parallel, within

with Scene() as scene:
    def falls_silent():
        fake = scene.fake_server()
        client = scene.client(1, fake, "--heartbeat-timeout", "2", connected=False, name="client-silent")
        control = fake.accept_client()
        client.public_port()
        with Took() as took:
            control.send("Heartbeat")
            client.wait_for(r"connection lost \(no heartbeat for 2\.[0-9] s\); trying again in")
        assert 1.9 <= took.s, took.s
        within(took.s, 2.5, "silence is noticed")
        assert control.ending() in ("end", "reset")
        assert fake.accept().receive() == {"Hello": 4242}

    def any_message_counts():
        fake = scene.fake_server()
        client = scene.client(1, fake, "--heartbeat-timeout", "2", connected=False, name="client-slow")
        control = fake.accept_client()
        client.public_port()
        end = time.monotonic() + 4
        while time.monotonic() < end:
            time.sleep(1.2)  # the speed of a slow server
            control.send({"Unknown": "but a message"})
        assert client.count("connection lost") == 0

    def half_a_message_does_not():
        """Bytes that never become a message are no sign of life."""
        fake = scene.fake_server()
        client = scene.client(1, fake, "--heartbeat-timeout", "2", connected=False, name="client-half")
        control = fake.accept_client()
        client.public_port()
        mark = time.monotonic()
        while client.count("connection lost") == 0 and time.monotonic() < mark + DEADLINE_S:
            try:
                control.send(b" ")
            except OSError:
                break
            time.sleep(0.2)
        client.wait_for(r"connection lost \(no heartbeat for 2\.")

    def default():
        fake = scene.fake_server()
        client = scene.client(1, fake, connected=False, name="client-default")
        with Took() as took:
            fake.accept_client()
            client.public_port()
            client.wait_for(r"connection lost \(no heartbeat for 8\.[0-9] s\)")
        assert took.s >= 7.5, took.s

    parallel(falls_silent, any_message_counts, half_a_message_does_not, default)
