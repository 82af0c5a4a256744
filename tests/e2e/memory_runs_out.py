#!/usr/bin/env python3
"""Visitors that ask for much and read nothing, with memory for few: both programs stay below it, turn away what is too
much, say so, do not spin, and serve who reads. --max-visitors is such a limit, too."""
import os
import socket
import subprocess

from harness import OWN_MOUNTS, Scene, ask, does_not_spin, eventually, need, need_root, read_exactly, skip, visit

LIMIT_MB = 48
# One for 256 KiB
VISITORS = LIMIT_MB * 4
COUNT = 500
ANSWER = bytes(range(256)) * 1200
TOO_MUCH = r"visitor turned away: as many as --max-visitors or memory allow are there|the limit of \d+ visitors is reached"

need_root()
need("mount")


def made_up(scene):
    """A launcher: the program sees control groups of both versions that limit it, and nothing limits it really."""
    groups = os.path.join(scene.folder, "groups")
    os.makedirs(os.path.join(groups, "memory"))
    for name in ("memory.max", "memory/memory.limit_in_bytes"):
        with open(os.path.join(groups, name), "w", encoding="ascii") as file:
            file.write(f"{LIMIT_MB << 20}\n")
    return [*OWN_MOUNTS, "sh", "-c", f'mount --bind {groups} /sys/fs/cgroup && exec "$@"', "-"]


def ask_and_not_read(port):
    """Returns the connection, or None: turned away at once."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    try:
        sock.connect(("127.0.0.1", port))
        sock.send(b"?")
        return sock
    except ConnectionError:
        return None


def reads_all(sock):
    sock.settimeout(30)
    try:
        return read_exactly(sock, len(ANSWER)) == ANSWER
    except (ConnectionError, EOFError, TimeoutError):
        return False


def flooded(limited):
    """limited: server or client."""
    with Scene() as scene:
        def service(conn):
            if conn.recv(1) == b"?":
                conn.sendall(ANSWER)
                conn.recv(1)
            else:
                conn.sendall(b"!")

        few = made_up(scene)
        port = scene.service(service)
        server = scene.server(launcher=few if limited == "server" else ())
        client = scene.client(port, server, launcher=few if limited == "client" else ())
        process = server if limited == "server" else client
        peak_mb = 0
        visitors = []
        for _ in range(COUNT):
            visitors.append(ask_and_not_read(client.public_port()))
            peak_mb = max(peak_mb, process.rss_kb() // 1024)
        process.wait_for(TOO_MUCH)
        does_not_spin(server, client)
        assert peak_mb < LIMIT_MB // 2, peak_mb
        assert process.threads() < VISITORS + 32, process.threads()
        assert process.count(TOO_MUCH) <= 3
        # Who has been let in gets all, however little memory there is for it
        served = 0
        for sock in visitors:
            served += sock is not None and served < 40 and reads_all(sock)
        assert served == 40, served
        for sock in visitors:
            if sock is not None:
                sock.close()
        eventually(lambda: is_served(client.public_port()), "visitors are served again")
        assert client.count("connection lost") == 0


def is_served(port):
    try:
        with visit(port) as visitor:
            return ask(visitor, b"x") == b"!"
    except (ConnectionError, EOFError):
        return False


def limited_by_option():
    with Scene() as scene:
        for side in ("server", "client"):
            options = {"server": (), "client": (), side: ("--max-visitors", 20)}
            server = scene.server(*options["server"], name=f"server-of-{side}")
            client = scene.client(scene.echo_service(), server, "--spares", 0, *options["client"], name=f"client-of-{side}")
            visitors = []
            for _ in range(15):
                visitors.append(visit(client.public_port()))
                assert ask(visitors[-1], b"x") == b"x"
            visitors += filter(None, [ask_and_not_read(client.public_port()) for _ in range(15)])
            {"server": server, "client": client}[side].wait_for(TOO_MUCH)
            assert ask(visitors[0], b"y") == b"y"
            for visitor in visitors:
                visitor.close()


limited_by_option()
if subprocess.run([*OWN_MOUNTS, "true"], check=False).returncode != 0:
    skip("no mount namespace of its own")
flooded("server")
flooded("client")
