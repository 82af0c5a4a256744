#!/usr/bin/env python3
"""Peers that were refused and keep their end open do not hold what newcomers need, with 64 descriptors for all."""
from harness import Scene, Took, ask, echoes, need, parallel, visit, within

need("prlimit")
FEW = ["prlimit", "--nofile=64:64", "--"]

with Scene() as scene:
    service_port = scene.echo_service()

    def newcomer_is_served(name, message, *options):
        server = scene.server(*options, launcher=FEW, name=f"server-{name}")
        client = scene.client(service_port, server, *options, name=f"client-{name}")
        port = client.public_port()
        with visit(port) as visitor:
            assert ask(visitor, b"before") == b"before"
            peers = [scene.connect(server) for _ in range(200)]
            for peer in peers:
                try:
                    peer.send(message)
                except ConnectionError:
                    pass
            with Took() as took:
                scene.client(service_port, server, *options, name=f"newcomer-{name}").end()
            within(took.s, 2.5, name)
            assert ask(visitor, b"during") == b"during"
            for peer in peers:
                peer.close()
        assert echoes(port, b"afterwards")
        assert client.count("connection lost") == 0

    parallel(lambda: newcomer_is_served("garbage", b"garbage\0"),
             lambda: newcomer_is_served("unauthenticated", {"Hello": 0}, "-s", "x"),
             lambda: newcomer_is_served("wrong-secret", {"Authenticate": "0" * 64}, "-s", "x"))
