#!/usr/bin/env python3
"""A server that grants a port and drops at once meets growing delays; a connection that served a visitor resets them."""
from harness import AGAIN, Scene, parallel


def flap(fake, client, number):
    """One more connection that stands for nothing. Returns the delay that follows, as announced."""
    fake.accept_client().close()
    return float(client.wait_for_count(AGAIN, number)[-1])


with Scene() as scene:
    service_port = scene.echo_service()

    def grows():
        fake = scene.fake_server()
        client = scene.client(service_port, fake, connected=False, name="client-grows")
        delays = [flap(fake, client, number) for number in range(1, 4)]
        for delay, middle in zip(delays, (1, 2, 4)):
            assert 0.7 * middle <= delay <= 1.3 * middle, delays

    def reset_by_a_visitor():
        fake = scene.fake_server()
        client = scene.client(service_port, fake, connected=False, name="client-reset")
        for number in (1, 2):
            flap(fake, client, number)
        control = fake.accept_client()
        data = fake.announce(control)
        data.send(b"a visitor's bytes")
        assert data.raw(17) == b"a visitor's bytes"
        control.close()
        delay = float(client.wait_for_count(AGAIN, 3)[-1])
        assert 0.7 <= delay <= 1.3, delay

    def not_reset_by_a_visitor_without_bytes():
        fake = scene.fake_server()
        client = scene.client(service_port, fake, connected=False, name="client-no-bytes")
        flap(fake, client, 1)
        control = fake.accept_client()
        data = fake.announce(control)
        data.close()
        control.close()
        delay = float(client.wait_for_count(AGAIN, 2)[-1])
        assert 1.4 <= delay <= 2.6, delay

    def reset_by_standing():
        fake = scene.fake_server()
        client = scene.client(service_port, fake, "--heartbeat-timeout", "11", connected=False, name="client-stands")
        flap(fake, client, 1)
        control = fake.accept_client()
        client.wait_for_count(r"no heartbeat for 11\.", 1)
        del control
        delay = float(client.wait_for_count(AGAIN, 2)[-1])
        assert 0.7 <= delay <= 1.3, delay

    parallel(grows, reset_by_a_visitor, not_reset_by_a_visitor_without_bytes, reset_by_standing)
