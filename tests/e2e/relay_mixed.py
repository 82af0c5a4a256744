#!/usr/bin/env python3
"""Many connections at once, each with its own sizes, pauses and order of ends, carry every byte, and no byte of another."""
import hashlib
import random
import select
import socket
import threading
import time

from harness import DEADLINE_S, Scene, eventually, noise, parallel, read_all, read_exactly, visit

CONNECTIONS = 60
BLOCK = 1_000_000
SHARED = noise(2 * BLOCK)


def content(seed, size):
    """Bytes of this connection and direction alone"""
    start = random.Random(str(seed)).randrange(BLOCK)
    data = bytearray()
    while len(data) < size:
        data += hashlib.sha256(str((seed, len(data))).encode()).digest()
        data += SHARED[start:start + min(BLOCK, size - len(data))]
    return bytes(data[:size])


def write(conn, data, dice):
    """In pieces of any size, now and then with a pause"""
    sent = 0
    while sent < len(data):
        piece = dice.choice((1, 100, 4096, 65536, 65537, 500_000))
        conn.sendall(data[sent:sent + piece])
        sent += piece
        if dice.random() < 0.02:
            time.sleep(dice.random() / 20)
    conn.shutdown(socket.SHUT_WR)


def read(conn, expected, dice):
    got = 0
    while True:
        data = conn.recv(dice.choice((1, 1000, 65536, 1 << 20)))
        if not data:
            break
        assert data == expected[got:got + len(data)], f"wrong bytes near {got}"
        got += len(data)
        if dice.random() < 0.02:
            time.sleep(dice.random() / 20)
    assert got == len(expected), (got, len(expected))


with Scene() as scene:
    done = []

    def converse(conn, name, number, sizes):
        conn.settimeout(DEADLINE_S * 2)
        other = "service" if name == "visitor" else "visitor"
        parallel(lambda: write(conn, content((name, number), sizes[name]), random.Random(f"w{name}{number}")),
                 lambda: read(conn, content((other, number), sizes[other]), random.Random(f"r{name}{number}")))

    def sizes_of(number):
        dice = random.Random(number)
        return {name: int(10 ** dice.uniform(0, 6.3)) * dice.choice((0, 1, 1, 1, 1)) for name in ("visitor", "service")}

    def service(conn):
        number = int(read_exactly(conn, 8))
        converse(conn, "service", number, sizes_of(number))
        done.append(number)

    server = scene.server()
    client = scene.client(scene.service(service), server)
    port = client.public_port()
    gate = threading.Semaphore(20)

    def visitor(number):
        with gate, visit(port) as conn:
            conn.sendall(b"%08d" % number)
            converse(conn, "visitor", number, sizes_of(number))

    parallel(*[lambda number=number: visitor(number) for number in range(CONNECTIONS)])
    eventually(lambda: len(done) == CONNECTIONS, "the service is done, too")
    assert client.count(r"bytes out, ") + server.count(r"bytes out, ") == 0, "no ending but an orderly one"

    def trickle(writer, reader, seed):
        """Small pieces to an end that does not read, until nothing more is taken; every byte is there when it reads on."""
        dice, data, taken = random.Random(seed), noise(40_000_000, seed), 0
        writer.setblocking(False)
        while taken < len(data) and select.select([], [writer], [], 0.5)[1]:
            try:
                taken += writer.send(data[taken:taken + dice.randrange(1, 20_000)])
            except BlockingIOError:
                pass
        writer.shutdown(socket.SHUT_WR)
        reader.settimeout(DEADLINE_S)
        got = read_all(reader)
        assert len(got) == taken and got == data[:taken], (len(got), taken)

    local, over = [], threading.Event()
    client = scene.client(scene.service(lambda conn: (local.append(conn), over.wait())), server, name="client-trickle")
    with visit(client.public_port()) as conn:
        eventually(lambda: local, "the visitor arrives")
        trickle(conn, local[0], "up")
        trickle(local[0], conn, "down")
    over.set()

    # Who sends and goes without looking back is heard to the end
    heard = []
    client = scene.client(scene.service(lambda conn: heard.append(len(b"".join(iter(lambda: conn.recv(65536), b""))))),
                          server, name="client-heard")
    for size in (1, 1000, 100_000, 2_000_000):
        with visit(client.public_port()) as conn:
            conn.sendall(SHARED[:size])
        eventually(lambda: heard and heard[-1] == size, f"{size} bytes are heard")
