#!/usr/bin/env python3
"""Visitors of many kinds, one after the other, while the path between client and server suffers faults of many kinds at
random times: each byte arrives once, and each end where it was said.

REBORE_FAULTS says how many faults there are (24), REBORE_SEED which (the time): a failure prints its seed."""
import os
import random
import socket
import struct
import subprocess
import threading
import time

from faults import PATIENCE, Stage, main, need, public_port, told

RESUME_S = 30
FAULTS = int(os.environ.get("REBORE_FAULTS", "24"))
SEED = int(os.environ.get("REBORE_SEED", time.time_ns() % 1_000_000))
# So many visitors at a time
AT_ONCE = 8
HEAD = struct.Struct("!IIIB")  # seed, bytes there, bytes back, kind
SLOW_READER, PAUSED_READER, HALF_CLOSED, SERVICE_ENDS, GAME, PLAIN = KINDS = range(6)
NAMES = ("slow reader", "paused reader", "half-closed", "service ends first", "game", "plain")


def noise(seed, size):
    return random.Random(seed).randbytes(size)


class Reader:
    """Reads what is expected, in its manner; then the end."""

    def __init__(self, sock, expected, kind):
        self.sock, self.expected, self.kind = sock, expected, kind

    def run(self, ends=True):
        got = 0
        while got < len(self.expected):
            if self.kind == SLOW_READER:
                time.sleep(0.01)
            if self.kind == PAUSED_READER and got > len(self.expected) // 2:
                time.sleep(2)
                self.kind = PLAIN
            piece = self.sock.recv(min(len(self.expected) - got, 1 << 15))
            assert piece, f"an end after {got} of {len(self.expected)} bytes"
            assert piece == self.expected[got:got + len(piece)], f"wrong bytes from {got} on"
            got += len(piece)
        if ends:
            assert self.sock.recv(1) == b"", "more than was said"


def say(sock, content, kind):
    step = 1 << 15 if kind != GAME else 64
    for start in range(0, len(content), step):
        sock.sendall(content[start:start + step])
        if kind == GAME:
            time.sleep(0.01)


def both_ways(sock, content, expected, kind, ends_first):
    """Speak and listen at once, and end when all is said; or, if not ends_first, when the other has."""
    problems = []

    def speak():
        try:
            say(sock, content, kind)
            if ends_first:
                sock.shutdown(socket.SHUT_WR)
        except OSError as problem:
            problems.append(problem)

    speaker = threading.Thread(target=speak, daemon=True)
    speaker.start()
    Reader(sock, expected, kind).run()
    speaker.join()
    if problems:
        raise problems[0]
    if not ends_first:
        sock.shutdown(socket.SHUT_WR)


def serve(conn, problems):
    """The service's side of a visit."""
    try:
        head = b""
        while len(head) < HEAD.size:
            piece = conn.recv(HEAD.size - len(head))
            assert piece, "an end within the head"
            head += piece
        seed, there, back, kind = HEAD.unpack(head)
        content, expected = noise(seed + 1, back), noise(seed, there)
        if kind == HALF_CLOSED:
            Reader(conn, expected, PLAIN).run()
            say(conn, content, kind)
            conn.shutdown(socket.SHUT_WR)
        else:
            both_ways(conn, content, expected, kind, ends_first=kind == SERVICE_ENDS)
    except (AssertionError, OSError) as problem:
        problems.append(f"service: {problem!r}")


def visit(stage, port, luck, tally, problems):
    kind = luck.choice(KINDS)
    most = {GAME: 4000, SLOW_READER: 1_000_000, PLAIN: 4_000_000}.get(kind, 2_000_000)
    there, back = int(most * luck.random() ** 3), int(most * luck.random() ** 3)
    seed = luck.getrandbits(30)
    content, expected = noise(seed, there), noise(seed + 1, back)
    try:
        with stage.visit(port) as sock:
            sock.settimeout((RESUME_S + 60) * PATIENCE)
            sock.sendall(HEAD.pack(seed, there, back, kind))
            if kind == HALF_CLOSED:
                say(sock, content, kind)
                sock.shutdown(socket.SHUT_WR)
                Reader(sock, expected, kind).run()
            else:
                both_ways(sock, content, expected, kind, ends_first=kind != SERVICE_ENDS)
        tally[kind] += 1
    except (AssertionError, OSError) as problem:
        problems.append(f"visitor ({NAMES[kind]}, {there} there, {back} back): {problem!r}")


def kill_sockets(host, *which):
    host.do(subprocess.run, ["ss", "-nK", "state", "established", *which],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)


def change_address(stage, number):
    """What was connected from the old one is gone without a word."""
    stage.client_host.ip("addr flush dev eth0", f"addr add 10.0.1.{number}/24 dev eth0",
                         "route add default via 10.0.1.1")


def pull_cable(stage, luck):
    stage.client_host.ip("link set eth0 down")
    time.sleep(luck.uniform(0.1, 3))
    stage.client_host.ip("link set eth0 up", "route add default via 10.0.1.1")


def drop(stage, luck, how, most_s):
    how()
    time.sleep(luck.uniform(0.05, most_s))
    stage.path.mend()


def befall(stage, luck, number):
    """One fault. Returns its name."""
    faults = {
        "sockets killed at the server": lambda: kill_sockets(stage.server_host, "sport", "=", ":7835"),
        "sockets killed at the client": lambda: kill_sockets(stage.client_host, "dport", "=", ":7835"),
        "dropped": lambda: drop(stage, luck, stage.path.drop, 5),
        "dropped to the server": lambda: drop(stage, luck, stage.path.drop_to_server, 5),
        "dropped to the client": lambda: drop(stage, luck, stage.path.drop_to_client, 5),
        "reset by the router": lambda: drop(stage, luck, stage.path.reset, 1),
        "address changed": lambda: change_address(stage, 2 + number % 2),
        "cable pulled": lambda: pull_cable(stage, luck),
    }
    name = luck.choice(list(faults))
    faults[name]()
    return name


def campaign():
    need("ss")
    luck = random.Random(SEED)
    problems, tally, befallen = [], [0] * len(KINDS), []
    over = threading.Event()
    with Stage() as stage:
        port = stage.client_host.do(stage.service, lambda conn: serve(conn, problems))
        server = stage.serve("--resume", RESUME_S)
        client = stage.join(port, "--resume", RESUME_S)
        public = public_port(client)

        def visitors(seed):
            own = random.Random(seed)
            while not over.is_set() and not problems:
                visit(stage, public, own, tally, problems)

        threads = [threading.Thread(target=visitors, args=(SEED * 100 + i,), daemon=True) for i in range(AT_ONCE)]
        for thread in threads:
            thread.start()
        for number in range(FAULTS):
            time.sleep(luck.uniform(0.1, 1.5))
            if problems:
                break
            befallen.append(befall(stage, luck, number))
        over.set()
        for thread in threads:
            thread.join((RESUME_S + 90) * PATIENCE)
        if any(thread.is_alive() for thread in threads):
            problems.append("a visitor hangs")
        assert not problems, f"seed {SEED}, after {befallen}: {problems}"
        assert sum(tally) >= AT_ONCE, tally
        for process in (server, client):
            assert process.count("not resumed in time") == 0, f"seed {SEED}: {process.name} gave up"
        told(f"{len(befallen)} faults at random, seed {SEED}",
             more=f"{sum(tally)} visitors, each byte once: " + ", ".join(
                 f"{count} {name}" for name, count in zip(NAMES, tally)))


if __name__ == "__main__":
    main(campaign)
