#!/usr/bin/env python3
"""Delays start at a second, double, are spread by a quarter either way, and never exceed --max-reconnect-delay."""
from harness import AGAIN, Scene, Took, free_port, parallel, within

SLACK_S = 0.051  # the log rounds to a tenth


def between(value, low, high):
    assert low - SLACK_S <= value <= high + SLACK_S, (value, low, high)


with Scene() as scene:
    def doubled():
        client = scene.client(1, free_port(), "-v", connected=False, name="client-doubled")
        delays = [float(delay) for delay in client.wait_for_count(AGAIN, 4)]
        for delay, middle in zip(delays, (1, 2, 4, 8)):
            between(delay, 0.75 * middle, 1.25 * middle)

    def capped():
        client = scene.client(1, free_port(), "-v", "--max-reconnect-delay", "1", connected=False, name="client-capped")
        delays = [float(delay) for delay in client.wait_for_count(AGAIN, 6)]
        for delay in delays:
            between(delay, 0.6, 1)
        assert len(set(delays)) > 1, "not spread"

    def kept():
        """What the log announces is what happens."""
        fake = scene.fake_server()
        client = scene.client(1, fake, "-v", connected=False, name="client-kept")
        peer = fake.accept()
        for number in (1, 2):
            with Took() as took:
                peer.reset()
                announced = float(client.wait_for_count(AGAIN, number)[-1])
                peer = fake.accept()
            assert announced - SLACK_S <= took.s, (announced, took.s)
            within(took.s, announced + 1, f"an attempt after {announced} s")

    parallel(doubled, capped, kept)
