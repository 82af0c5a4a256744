#!/usr/bin/env python3
"""Both ends may write 16 MB each before they read: neither direction waits for the other."""
import socket
import threading

from harness import DEADLINE_S, Scene, eventually, noise, parallel, read_exactly, visit

SIZE = 16_000_000
UP, DOWN = noise(SIZE, "up"), noise(SIZE, "down")


def write_then_read(conn, data, size, written, may_read):
    """Writes all of data in one go while nobody reads at this end, then reads."""
    writer = threading.Thread(target=conn.sendall, args=(data,), daemon=True)
    writer.start()
    if not written.is_set():
        writer.join(0.5)  # so much as fits somewhere is written by now
    written.set()
    may_read.wait(DEADLINE_S)
    got = read_exactly(conn, size)
    writer.join()
    conn.shutdown(socket.SHUT_WR)
    return got


with Scene() as scene:
    # Enough room on the way for one end to write all of it while the other does not read
    results = []
    service_reads, visitor_reads = threading.Event(), threading.Event()
    service_written, visitor_written = threading.Event(), threading.Event()

    def service(conn):
        results.append(write_then_read(conn, DOWN, SIZE, service_written, service_reads) == UP)

    server = scene.server()
    client = scene.client(scene.service(service), server)
    with visit(client.public_port()) as visitor:
        def go():
            # Both are stuck in their writes; then one direction alone must be able to move, and then the other
            service_written.wait(DEADLINE_S)
            visitor_written.wait(DEADLINE_S)
            visitor_reads.set()
            service_reads.set()

        got = parallel(lambda: write_then_read(visitor, UP, SIZE, visitor_written, visitor_reads), go)[0]
        assert got == DOWN
        assert visitor.recv(1) == b""
    client.wait_for(rf"visitor .*: [0-9.]+ s, {SIZE} bytes in, {SIZE} bytes out\n")
    eventually(lambda: results, "the service has read all")
    assert results == [True]

    # One direction moves while the other is stuck: the visitor reads nothing, and its upload arrives all the same
    uploaded = threading.Event()

    def stuck(conn):
        threading.Thread(target=conn.sendall, args=(DOWN,), daemon=True).start()
        assert read_exactly(conn, SIZE) == UP
        uploaded.set()
        threading.Event().wait()

    client = scene.client(scene.service(stuck), server, name="client-stuck")
    with visit(client.public_port()) as visitor:
        visitor.sendall(UP)
        assert uploaded.wait(DEADLINE_S), "an upload waits for a download that nobody reads"
        assert read_exactly(visitor, SIZE) == DOWN
