#!/usr/bin/env python3
"""A server listens for both families unless told otherwise; whoever comes by IPv4 is one of IPv4, in logs and judgements."""
import socket

from harness import Scene, echoes, has_ipv6_loopback, parallel, skip, visit

with Scene(network=True) as scene:
    if not has_ipv6_loopback():
        skip("no IPv6 here")
    service = scene.echo_service()
    server = scene.server()
    assert server.count(rf"listening on \[::\]:{server.control_port}\n") == 1

    def visitors():
        port = scene.client(service, server, name="client").public_port()
        for host, shown in (("127.0.0.1", r"127\.0\.0\.1"), ("::1", r"\[::1\]")):
            assert echoes(port, b"by " + host.encode(), host)
            with visit(port, host) as visitor:
                own = visitor.getsockname()[1]
                visitor.sendall(b"x")
                assert visitor.recv(1) == b"x"
            server.wait_for(rf"visitor \S+ from {shown}:{own} on port {port}: ")

    def clients():
        for host, shown in (("127.0.0.1", r"127\.0\.0\.1"), ("::1", r"\[::1\]")):
            peer = scene.connect(server, host)
            peer.send({"Hello": 0})
            port = peer.receive()["Hello"]
            server.wait_for(rf"client {shown}:\d+ has port {port}")

    def held_for_ipv4_alone():
        """A port that another program has for IPv4 alone is in use."""
        with socket.create_server(("0.0.0.0", 0)) as other:
            peer = scene.connect(server)
            peer.send({"Hello": other.getsockname()[1]})
            assert peer.receive() == {"Error": "port already in use"}

    def ipv4_alone():
        own = scene.server("--bind-addr", "0.0.0.0", name="server-ipv4")
        assert own.count(rf"listening on 0\.0\.0\.0:{own.control_port}\n") == 1

    parallel(visitors, clients, held_for_ipv4_alone, ipv4_alone)
