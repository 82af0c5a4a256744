#!/usr/bin/env python3
"""A reset travels to the other end as a reset, each way, also while nothing can be read or written; an orderly end does not become one."""
import socket
import threading

from harness import DEADLINE_S, Scene, ask, ending_of, noise, parallel, read_exactly, reset, visit

with Scene() as scene:
    server = scene.server()

    def visitor_resets():
        endings, seen = [], threading.Semaphore(0)

        def service(conn):
            conn.sendall(read_exactly(conn, 4))
            endings.append(ending_of(conn))
            seen.release()

        client = scene.client(scene.service(service), server, name="client-visitor-resets")
        visitor = visit(client.public_port())
        assert ask(visitor, b"here") == b"here"
        reset(visitor)
        assert seen.acquire(timeout=DEADLINE_S)
        assert endings == ["reset"], endings
        client.wait_for(r"visitor .*: [0-9.]+ s, 4 bytes in, 4 bytes out, reset\n")
        server.wait_for(rf"visitor .* on port {client.public_port()}: .*, reset\n")

    def service_resets():
        def service(conn):
            conn.sendall(read_exactly(conn, 4))
            reset(conn)

        client = scene.client(scene.service(service), server, name="client-service-resets")
        with visit(client.public_port()) as visitor:
            visitor.sendall(b"here")
            assert ending_of(visitor) == "reset"

    def resets_while_stuck():
        """The service does not read, the visitor's bytes fill all buffers, and then the service resets."""
        go = threading.Event()

        def service(conn):
            conn.sendall(b"x")
            assert go.wait(DEADLINE_S)
            reset(conn)

        client = scene.client(scene.service(service), server, name="client-stuck")
        with visit(client.public_port()) as visitor:
            assert visitor.recv(1) == b"x"
            visitor.settimeout(0.3)
            try:
                while True:
                    visitor.send(noise(100_000))
            except TimeoutError:
                pass  # all is full
            visitor.settimeout(DEADLINE_S)
            go.set()
            assert ending_of(visitor) == "reset"

    def visitor_resets_while_stuck():
        """The visitor does not read and resets while the service writes: the service must hear of it."""
        failed = threading.Semaphore(0)

        def service(conn):
            try:
                while True:
                    conn.sendall(noise(100_000))
            except ConnectionError:
                failed.release()

        client = scene.client(scene.service(service), server, name="client-visitor-stuck")
        visitor = visit(client.public_port())
        read_exactly(visitor, 1_000_000)
        reset(visitor)
        assert failed.acquire(timeout=DEADLINE_S)

    def closed_with_unread_bytes():
        """A visitor that closes without reading what came: the service learns that nobody is there any more."""
        failed = threading.Semaphore(0)

        def service(conn):
            conn.sendall(noise(50_000))
            try:
                while True:
                    conn.sendall(b"more")
            except ConnectionError:
                failed.release()

        client = scene.client(scene.service(service), server, name="client-unread")
        with visit(client.public_port()) as visitor:
            visitor.recv(1)
        assert failed.acquire(timeout=DEADLINE_S)

    def orderly_end():
        """All bytes before an end of file arrive, and it is an end of file, also when the service closes at once."""
        data = noise(1_000_000)
        client = scene.client(scene.service(lambda conn: conn.sendall(data)), server, name="client-orderly")
        for _ in range(10):
            with visit(client.public_port()) as visitor:
                assert read_exactly(visitor, len(data)) == data
                assert visitor.recv(1) == b""
                visitor.shutdown(socket.SHUT_WR)

    parallel(visitor_resets, service_resets, resets_while_stuck, visitor_resets_while_stuck, closed_with_unread_bytes,
             orderly_end)
