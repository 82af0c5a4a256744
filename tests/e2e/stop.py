#!/usr/bin/env python3
"""SIGTERM and SIGINT end server and client under load in under a second, with the ports free; a second signal at once."""
import os
import signal
import socket
import subprocess
import threading

from harness import (DEADLINE_S, HAS_PORT, Scene, Took, ask, ending_of, eventually, is_refused, noise, parallel,
                     read_all, visit, within)


def load(scene, port):
    """Visitors of every kind: idle, busy both ways, half closed, one that does not read. Returns a way to end it."""
    visitors = [visit(port) for _ in range(24)]
    for visitor in visitors:
        assert ask(visitor, b"here") == b"here"
    data = noise(1_000_000)

    def busy(visitor):
        try:
            while True:
                visitor.sendall(data)
        except OSError:
            pass

    def reads(visitor):
        try:
            read_all(visitor)
        except OSError:
            pass

    for visitor in visitors[:4]:
        threading.Thread(target=busy, args=(visitor,), daemon=True).start()
    for visitor in visitors[:3]:
        threading.Thread(target=reads, args=(visitor,), daemon=True).start()
    for visitor in visitors[4:8]:
        visitor.shutdown(socket.SHUT_WR)
    return visitors


def hold(conn):
    """A service that answers, and never ends by itself."""
    while data := conn.recv(65536):
        conn.sendall(data)
    threading.Event().wait()


with Scene() as scene:
    service_port = scene.service(hold)

    def server_ends(sig):
        server = scene.server("-s", "x", name=f"server-{sig.name}")
        client = scene.client(service_port, server, "-s", "x", name=f"client-of-{sig.name}")
        silent = [scene.connect(server) for _ in range(20)]
        refused = [scene.connect(server) for _ in range(5)]
        for peer in refused:
            peer.send({"Hello": 0})  # and lingers, though it is refused
        visitors = load(scene, client.public_port())
        with Took() as took:
            assert server.end(sig) == 0
        within(took.s, 1, "it ends")
        assert is_refused(client.public_port())
        # A cut answer must not look like a complete one
        assert ending_of(visitors[20]) == "reset"
        assert server.count("visitor .*, cut off by our stop") == len(visitors)
        mark = client.mark()
        scene.server("-s", "x", control_port=server.control_port, name=f"server-again-{sig.name}")
        client.public_port(after=mark)
        del silent

    def client_ends(sig):
        server = scene.server(name=f"server-of-{sig.name}")
        client = scene.client(service_port, server, name=f"client-{sig.name}")
        port = client.public_port()
        visitors = load(scene, port)
        with Took() as took:
            assert client.end(sig) == 0
        within(took.s, 1, "it ends")
        with Took() as took:
            eventually(lambda: is_refused(port), "the public port is free")
        within(took.s, 0.4, "the public port is free")
        assert ending_of(visitors[20]) == "reset"
        scene.client(service_port, server, "--port", port, name=f"client-again-{sig.name}")

    def waiting_client_ends(sig):
        fake = scene.fake_server()
        client = scene.client(1, fake, connected=False, name=f"client-waits-{sig.name}")
        peer = fake.accept()  # a handshake that hangs
        with Took() as took:
            assert client.end(sig) == 0
        within(took.s, 1, "it ends")
        client = scene.client(1, fake, connected=False, name=f"client-backs-off-{sig.name}")
        fake.accept().reset()
        client.wait_for("trying again")
        with Took() as took:
            assert client.end(sig) == 0
        within(took.s, 1, "it ends")
        assert client.count("stopping") == 1
        del peer

    def dialling_client_ends():
        """A host that does not answer a SYN: a full backlog."""
        with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
            fillers = []
            for _ in range(4):
                filler = socket.socket()
                filler.setblocking(False)
                filler.connect_ex(full.getsockname())
                fillers.append(filler)
            client = scene.client(1, full.getsockname()[1], connected=False, name="client-dials")
            eventually(lambda: client.threads() >= 3, "the client dials")
            with Took() as took:
                assert client.end() == 0
            within(took.s, 1, "it ends")

    def pipe_without_reader():
        """SIGPIPE never kills: a log that nobody reads, visitors that go."""
        read_end, write_end = os.pipe()
        server = scene.server(name="server-pipe")
        popen = subprocess.Popen(
            [server.argv[0], "local", str(service_port), "--to", f"127.0.0.1:{server.control_port}", "-v"],
            stderr=write_end)
        try:
            port = int(server.wait_for(HAS_PORT)[1])
            os.close(read_end)
            os.close(write_end)
            for _ in range(3):
                with visit(port) as visitor:
                    assert ask(visitor, b"x") == b"x"
            assert popen.poll() is None
            popen.terminate()
            assert popen.wait(DEADLINE_S) == 0
        finally:
            popen.kill()
            popen.wait()

    parallel(lambda: server_ends(signal.SIGTERM), lambda: server_ends(signal.SIGINT),
             lambda: client_ends(signal.SIGTERM), lambda: client_ends(signal.SIGINT),
             lambda: waiting_client_ends(signal.SIGTERM), lambda: waiting_client_ends(signal.SIGINT),
             dialling_client_ends, pipe_without_reader)
