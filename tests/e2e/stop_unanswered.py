#!/usr/bin/env python3
"""A client that is stopped while a Hello of it has no answer yet says Bye behind it: the server keeps no port for it."""
import signal
import socket
import struct
import time

from harness import Scene, eventually, parallel

ANNOUNCE = {"Announce": {"version": 1, "can": ["heartbeat", "lease"], "lease_ms": 30000}}

# The place of tcpi_bytes_acked in struct tcp_info of Linux
BYTES_ACKED_AT = 120


def have_spoken(client, count):
    """Whether so many connections of a client, which says nothing before its Hello, have sent something by now."""
    spoken = 0
    for sock in client.sockets():
        with sock:
            info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, BYTES_ACKED_AT + 8)
            spoken += struct.unpack_from("Q", info, BYTES_ACKED_AT)[0] > len('{"Hello":0}')
    return spoken >= count


with Scene() as scene:
    service_port = scene.echo_service()

    def both_connections():
        """By hand: Bye comes on the one that stands and on the second one."""
        fake = scene.fake_server()
        client = scene.client(service_port, fake, connected=False, name="client-both")
        first = fake.accept_client()
        assert "Announce" in first.receive()
        first.send(ANNOUNCE)
        second = fake.accept()
        assert second.receive() == {"Hello": 4242}
        assert "Announce" in second.receive()
        assert client.end() == 0
        assert first.receive_but_heartbeats() == "Bye"
        assert second.receive() == "Bye"
        assert second.ending() == "end"

    def second_connection():
        """With a server that is stopped for a while: whichever of the two it sees first, the port is free."""
        server = scene.server("--lease", 30, name="server-second")
        client = scene.client(service_port, server, "-v", "--spares", 0, name="client-second")
        port = client.public_port()
        server.send(signal.SIGSTOP)
        client.wait_for("dialling a second connection")
        eventually(lambda: have_spoken(client, 2), "the second connection has said Hello")
        mark = server.mark()
        assert client.end() == 0
        server.send(signal.SIGCONT)
        is_free(server, port, mark)

    def first_connection():
        """The same with the only one, which has no answer yet."""
        server = scene.server("--lease", 30, name="server-first")
        server.send(signal.SIGSTOP)
        client = scene.client(service_port, server, "-v", connected=False, name="client-first")
        eventually(lambda: have_spoken(client, 1), "it has said Hello")
        assert client.end() == 0
        server.send(signal.SIGCONT)
        is_free(server, r"\d+", 0)

    def is_free(server, port, mark):
        server.wait_for(f"port {port} is free", mark)
        time.sleep(1)
        assert server.count("is free", mark) >= server.count("new client|in place of", mark), server.log()
        assert not server.count("is kept", mark), server.log()

    parallel(both_connections, second_connection, first_connection)
