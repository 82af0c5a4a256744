#!/usr/bin/env python3
"""A slow reader holds the writer back: 200 MB offered, little taken, memory of both programs bounded; then it goes on."""
import select
import socket
import threading
import time

from harness import DEADLINE_S, Scene, eventually, noise, parallel, read_all, read_exactly, visit

OFFERED = 200_000_000
BLOCK = noise(1_000_000)
# What fits in the kernel's socket buffers of three connections, each way 6 MB of receive and 4 MB of send buffer at most
MOST_TAKEN = 60_000_000
MOST_GROWTH_KB = 1024


def offer(conn):
    """Writes as much as is taken, until nothing has been taken for a second. Returns how much that was."""
    conn.setblocking(False)
    taken = 0
    while taken < OFFERED and select.select([], [conn], [], 1)[1]:
        try:
            taken += conn.send(BLOCK[taken % len(BLOCK):])
        except BlockingIOError:
            pass
    conn.setblocking(True)
    return taken


def continued(conn, taken, size):
    """Writes up to size, now that the other end reads."""
    while taken < size:
        start = taken % len(BLOCK)
        part = BLOCK[start:start + size - taken]
        conn.sendall(part)
        taken += len(part)
    conn.shutdown(socket.SHUT_WR)


def checked_read(conn, size):
    got = 0
    while got < size:
        data = read_exactly(conn, min(len(BLOCK), size - got))
        assert data == BLOCK[:len(data)]
        got += len(data)
    assert conn.recv(1) == b""


with Scene() as scene:
    server = scene.server()

    def run(name, upload):
        """The visitor writes (upload) or the service does; the other end has stopped reading."""
        local, over = [], threading.Event()

        def service(conn):
            local.append(conn)
            over.wait()

        client = scene.client(scene.service(service), server, name=f"client-{name}")
        with visit(client.public_port()) as visitor:
            visitor.send(b"")
            eventually(lambda: local, "the visitor arrives")
            writer, reader = (visitor, local[0]) if upload else (local[0], visitor)
            reader.settimeout(DEADLINE_S)
            # Warm, so that what grows afterwards is buffers
            writer.sendall(b"warm")
            assert read_exactly(reader, 4) == b"warm"
            before = client.rss_kb(), server.rss_kb()
            taken = offer(writer)
            assert 64_000 < taken < MOST_TAKEN, taken
            after = client.rss_kb(), server.rss_kb()
            assert after[0] - before[0] < MOST_GROWTH_KB and after[1] - before[1] < MOST_GROWTH_KB, (before, after)
            parallel(lambda: continued(writer, taken, OFFERED), lambda: checked_read(reader, OFFERED))
        over.set()

    run("upload", True)
    run("download", False)

    def does_not_spin():
        """Full buffers cost no time."""
        local, over = [], threading.Event()
        client = scene.client(scene.service(lambda conn: (local.append(conn), over.wait())), server, name="client-idle")
        with visit(client.public_port()) as visitor:
            eventually(lambda: local, "the visitor arrives")
            offer(visitor)
            offer(local[0])
            rest(client, 1, 0.3)

    def rest(client, seconds, most_s):
        """What is under way arrives, and then the programs use next to no processor."""
        def used():
            before = client.cpu_s() + server.cpu_s()
            time.sleep(seconds)
            return client.cpu_s() + server.cpu_s() - before

        eventually(lambda: used() < most_s, f"no more than {most_s} s of processor in {seconds} s")

    does_not_spin()

    def ended_with_bytes_on_the_way():
        """Both ends have said their end of file, but bytes wait for a service that does not read, anywhere on the way."""
        over = threading.Event()

        def service(conn):
            conn.shutdown(socket.SHUT_WR)
            over.wait(DEADLINE_S)
            ended.append(len(read_all(conn)))

        ended = []
        client = scene.client(scene.service(service), server, name="client-ended")
        with visit(client.public_port()) as visitor:
            room = offer(visitor)
        sizes = [room * part // 10 for part in range(1, 10)]
        visitors = [visit(client.public_port()) for _ in sizes]
        for visitor, size in zip(visitors, sizes):
            assert visitor.recv(1) == b""
            # Not all of it must fit: the buffers of so many are smaller
            threading.Thread(target=continued, args=(visitor, 0, size), daemon=True).start()
        rest(client, 1.5, 0.4)
        over.set()
        eventually(lambda: len(ended) == 1 + len(sizes), "all bytes arrive")
        assert sorted(ended)[:len(sizes)] == sorted(sizes), (ended, sizes)

    ended_with_bytes_on_the_way()
