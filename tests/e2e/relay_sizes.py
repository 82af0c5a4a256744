#!/usr/bin/env python3
"""Messages of 1 byte to 1 MiB come back whole, and 1,000 small ping-pongs are fast: no Nagle on the way."""
from harness import Scene, Took, ask, noise, visit, within

with Scene() as scene:
    server = scene.server()
    client = scene.client(scene.echo_service(), server)
    with visit(client.public_port()) as visitor:
        size = 1
        while size <= 1 << 20:
            for one in (size - 1, size, size + 1):
                data = noise(one, one)
                assert ask(visitor, data) == data
            size *= 2

        with Took() as took:
            for number in range(1000):
                assert ask(visitor, b"%04d" % number) == b"%04d" % number
        # Nagle and delayed acknowledgements would take 40 s
        within(took.s, 15, "1,000 small ones")

        # Two small writes before an answer are what Nagle punishes: it would take 8 s
        with Took() as took:
            for number in range(200):
                visitor.sendall(b"a")
                assert ask(visitor, b"b") in (b"a", b"b")
                assert visitor.recv(1) in (b"a", b"b")
        within(took.s, 5, "200 times two small ones")

        # The sizes that stall bore: 8 to 32 KB
        for size in (8_000, 16_384, 16_385, 32_000):
            with Took() as took:
                for seed in range(50):
                    data = noise(size, seed)
                    assert ask(visitor, data) == data
            within(took.s, 1.5, f"50 of {size} bytes")
