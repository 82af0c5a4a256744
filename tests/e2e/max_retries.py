#!/usr/bin/env python3
"""--max-retries N gives up with exit 75 after N failed attempts in a row; a connection starts the count anew."""
from harness import AGAIN, Scene, free_port, parallel

with Scene() as scene:
    def gives_up(retries):
        client = scene.client(1, free_port(), "-v", "--max-retries", retries, connected=False,
                              name=f"client-{retries}")
        assert client.status() == 75
        assert client.count(AGAIN) == retries - 1
        assert client.count(rf"error: .*giving up after {retries} failed attempt") == 1

    def counts_anew():
        fake = scene.fake_server()
        client = scene.client(1, fake, "-v", "--max-retries", 2, "--max-reconnect-delay", 1, connected=False,
                              name="client-anew")
        fake.accept().reset()
        fake.accept_client().close()
        fake.accept().reset()
        fake.accept_client().close()
        fake.close()
        assert client.status() == 75
        assert client.count("connection lost") == 2

    parallel(lambda: gives_up(1), lambda: gives_up(3), counts_anew)
