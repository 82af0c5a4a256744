#!/usr/bin/env python3
"""Between the first and the second 20,000 connections descriptors and threads are equal, and memory grows by less than 1 MB."""
import os
import selectors
import signal
import socket
import time

from harness import DEADLINE_S, Scene, eventually, parallel

COUNT = int(os.environ.get("REBORE_TEST_CONNECTIONS", "20000"))
AT_A_TIME = 32
MOST_GROWTH_KB = 1024


def serve(listener):
    """An echo service that is fast enough for this: one process, one thread, no end."""
    chosen = selectors.EpollSelector()
    listener.setblocking(False)
    chosen.register(listener, selectors.EVENT_READ)
    while True:
        for key, _ in chosen.select():
            if key.fileobj is listener:
                try:
                    conn = listener.accept()[0]
                except BlockingIOError:
                    continue
                conn.setblocking(False)
                chosen.register(conn, selectors.EVENT_READ)
                continue
            conn = key.fileobj
            try:
                data = conn.recv(4096)
                if data:
                    conn.send(data)
                    continue
            except BlockingIOError:
                continue
            except OSError:
                pass
            chosen.unregister(conn)
            conn.close()


def make_visits(port, count):
    """So many visitors, some at a time: each sends a little, gets it back, and ends; every tenth resets, or just goes."""
    chosen, begun, done = selectors.EpollSelector(), 0, 0

    def begin():
        nonlocal begun
        conn = socket.socket()
        conn.setblocking(False)
        conn.connect_ex(("127.0.0.1", port))
        chosen.register(conn, selectors.EVENT_WRITE, begun)
        begun += 1

    for _ in range(min(AT_A_TIME, count)):
        begin()
    while done < count:
        events = chosen.select(DEADLINE_S)
        assert events, f"no visitor was served any more after {done}"
        for key, event in events:
            conn, number = key.fileobj, key.data
            if event & selectors.EVENT_WRITE:
                conn.send(b"hello")
                chosen.modify(conn, selectors.EVENT_READ, number)
                if number % 10 != 9:
                    continue  # every tenth goes without waiting for its answer
            elif number % 10 != 8 and conn.recv(100) != b"hello":
                raise AssertionError(f"visitor {number} was not served")
            chosen.unregister(conn)
            if number % 10 == 7:
                conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            conn.close()
            done += 1
            if begun < count:
                begin()


def held(process):
    return process.descriptors(), process.threads()


def at_rest(process):
    """What a program holds once no visitor is left and its idle threads have ended, which they do after 10 s."""
    last, since = None, 0

    def is_stable():
        nonlocal last, since
        if held(process) != last:
            last, since = held(process), time.monotonic()
        return time.monotonic() - since > 11

    eventually(is_stable, f"{process.name} comes to rest")
    return last


def fork_service():
    """Returns the port and the process of the echo service."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    process = os.fork()
    if process == 0:
        try:
            serve(listener)
        finally:
            os._exit(1)
    port = listener.getsockname()[1]
    listener.close()
    return port, process


with Scene() as scene:
    service_port, service = fork_service()

    def leaks_nothing(name, count, *options):
        server = scene.server("-s", "x", name=f"server-{name}")
        client = scene.client(service_port, server, "-s", "x", *options, name=f"client-{name}")
        both = (server, client)
        make_visits(client.public_port(), count)
        first = parallel(*[lambda one=one: at_rest(one) for one in both])
        memory = [one.rss_kb() for one in both]
        make_visits(client.public_port(), count)
        for one, before, rss_kb in zip(both, first, memory):
            eventually(lambda: held(one) == before,
                       f"{one.name} gives back descriptors and threads, down to {before}")
            print(f"{one.name}: descriptors and threads {before}, memory {rss_kb} and then {one.rss_kb()} KB")
            assert one.rss_kb() - rss_kb < MOST_GROWTH_KB, (one.name, rss_kb, one.rss_kb())
        assert server.count(r"visitor \S+ from \S+ on port") >= 2 * count * 0.98
        assert client.count("connection lost") == 0

    try:
        parallel(lambda: leaks_nothing("spares", COUNT), lambda: leaks_nothing("no-spares", COUNT // 4, "--spares", 0))
    finally:
        os.kill(service, signal.SIGKILL)
        os.waitpid(service, 0)
