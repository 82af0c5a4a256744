#!/usr/bin/env python3
"""Half-close travels each way: what the other end still sends arrives whole, and then its end of file."""
import socket
import threading

from harness import Scene, eventually, noise, parallel, read_all, read_exactly, visit

DATA, ANSWER = noise(3_000_000, "data"), noise(2_000_000, "answer")

with Scene() as scene:
    server = scene.server()

    def visitor_first():
        """The visitor sends, shuts down, and then gets its answer, which is made only at the end of file."""
        def service(conn):
            assert read_all(conn) == DATA
            conn.sendall(ANSWER)

        client = scene.client(scene.service(service), server, name="client-visitor-first")
        with visit(client.public_port()) as visitor:
            visitor.sendall(DATA)
            visitor.shutdown(socket.SHUT_WR)
            assert read_all(visitor) == ANSWER
        client.wait_for(rf"visitor .*: [0-9.]+ s, {len(DATA)} bytes in, {len(ANSWER)} bytes out\n")

    def service_first():
        """The service says all that it has and shuts down; the visitor sees that, and uploads then."""
        received = []

        def service(conn):
            conn.sendall(ANSWER)
            conn.shutdown(socket.SHUT_WR)
            received.append(read_all(conn))

        client = scene.client(scene.service(service), server, name="client-service-first")
        with visit(client.public_port()) as visitor:
            assert read_all(visitor) == ANSWER
            visitor.sendall(DATA)
            visitor.shutdown(socket.SHUT_WR)
            eventually(lambda: received, "the upload ends")
        assert received == [DATA]

    def empty():
        """An end of file without a byte before it, each way"""
        def service(conn):
            conn.sendall(b"nothing came" if read_all(conn) == b"" else b"?")

        client = scene.client(scene.service(service), server, name="client-empty")
        with visit(client.public_port()) as visitor:
            visitor.shutdown(socket.SHUT_WR)
            assert read_all(visitor) == b"nothing came"

        over = threading.Event()
        client = scene.client(scene.service(lambda conn: over.wait(0)), server, name="client-empty-service")
        with visit(client.public_port()) as visitor:
            assert read_all(visitor) == b""

    def long_half_open():
        """A half-closed connection is no idle one: many turns later it still carries bytes the other way."""
        def service(conn):
            conn.shutdown(socket.SHUT_WR)
            while read_exactly(conn, 1):
                pass

        def run():
            client = scene.client(scene.service(service), server, name="client-half-open")
            with visit(client.public_port()) as visitor:
                assert visitor.recv(1) == b""
                before = client.cpu_s() + server.cpu_s()
                for _ in range(20):
                    visitor.sendall(b"x")
                threading.Event().wait(1)
                # A half-closed end that is polled wrongly spins
                assert client.cpu_s() + server.cpu_s() - before < 0.5
                visitor.sendall(b"x")

        run()

    parallel(visitor_first, service_first, empty)
    long_half_open()
    assert server.end() == 0
