#!/usr/bin/env python3
"""With 64 descriptors, server and client shed a flood, say so once in a while, do not spin, and serve afterwards."""
import time
import uuid

from harness import PATIENCE, Scene, Took, ask, echoes, eventually, flood, need, parallel, visit, within

need("prlimit")
FEW = ["prlimit", "--nofile=64:64", "--"]
SYSTEM_TEXT = "Too many open files"


def does_not_spin(*processes):
    before = [process.cpu_s() for process in processes]
    time.sleep(2)
    for process, cpu in zip(processes, before):
        assert process.cpu_s() - cpu < 0.5 * PATIENCE, (process.name, process.cpu_s() - cpu)


def said_once_in_a_while(process, pattern, at_most):
    count = process.count(pattern)
    assert 1 <= count <= at_most, f"{process.name} said {pattern!r} {count} times"


with Scene() as scene:
    service_port = scene.echo_service()

    def control_flood(name, *messages):
        """200 connections to the control port that say no more than these messages, and hold what they can get"""
        server = scene.server(launcher=FEW, name=f"server-{name}")
        client = scene.client(service_port, server, name=f"client-{name}")
        port = client.public_port()
        with visit(port) as visitor:
            assert ask(visitor, b"before") == b"before"
            peers = [scene.connect(server) for _ in range(200)]
            for peer in peers:
                try:
                    peer.send(*messages)
                except ConnectionError:
                    pass  # it has made room
            # The proxied connection and its tunnel are no part of the flood, and a newcomer is served in spite of it
            assert ask(visitor, b"during") == b"during"
            with Took() as took:
                scene.hello(server).close()
            within(took.s, 1, "a newcomer is served")
            does_not_spin(server)
            assert ask(visitor, b"still") == b"still"
            for peer in peers:
                peer.close()
        assert echoes(port, b"afterwards")
        assert client.count("connection lost") == 0
        lines = len(server.log().splitlines())
        assert lines < 260, lines
        said_once_in_a_while(server, rf"too many connections|{SYSTEM_TEXT}", 4)

    def visitor_flood():
        server = scene.server(launcher=FEW, name="server-visited")
        client = scene.client(service_port, server, name="client-visited")
        port = client.public_port()
        with visit(port) as visitor:
            assert ask(visitor, b"before") == b"before"
            with Took() as took:
                visitors, served = flood(port, 200)
            assert 10 <= served < 200, served
            # Who is accepted has what it needs to be served, and the others are told at once
            within(took.s, 5, "the flood is dealt with")
            assert ask(visitor, b"during") == b"during"
            said_once_in_a_while(server, SYSTEM_TEXT, 3)
            does_not_spin(server)
            for one in visitors:
                one.close()
        with Took() as took:
            eventually(lambda: echoes_or_not(port), "visitors are served again")
        within(took.s, 5, "visitors are served again")
        assert client.count("connection lost") == 0

    def client_flood():
        """The client is the one with few descriptors."""
        server = scene.server(name="server-rich")
        client = scene.client(service_port, server, launcher=FEW, name="client-poor")
        port = client.public_port()
        with visit(port) as visitor:
            assert ask(visitor, b"before") == b"before"
            visitors, served = flood(port, 200)
            assert 10 <= served < 200, served
            assert ask(visitor, b"during") == b"during"
            said_once_in_a_while(client, SYSTEM_TEXT, 3)
            does_not_spin(client, server)
            for one in visitors:
                one.close()
        with Took() as took:
            eventually(lambda: echoes_or_not(port), "visitors are served again")
        within(took.s, 5, "visitors are served again")
        assert client.count("connection lost") == 0

    def echoes_or_not(port):
        try:
            return echoes(port, b"afterwards")
        except ConnectionError:
            return False

    def tunnel_flood():
        """Connections that are no silent ones, and so cannot go for others: what is too much is refused or waits."""
        server = scene.server(launcher=FEW, name="server-tunnels")
        client = scene.client(service_port, server, name="client-tunnels")
        port = client.public_port()
        with visit(port) as visitor:
            assert ask(visitor, b"before") == b"before"
            peers, said = [], []
            while said.count("waits") < 3 and len(peers) < 100:
                peers.append(scene.connect(server))
                peers[-1].sock.settimeout(2 * PATIENCE)
                try:
                    peers[-1].send({"Hello": 0})
                    said += peers[-1].receive()
                except TimeoutError:
                    said.append("waits")
                except (EOFError, ConnectionError):
                    said.append("shed")
            assert said.count("Hello") >= 10, said
            does_not_spin(server)
            assert ask(visitor, b"during") == b"during"
            for peer in peers:
                peer.close()
        with Took() as took:
            scene.hello(server).close()
            assert echoes(port, b"afterwards")
        within(took.s, 3, "a newcomer is served afterwards")
        said_once_in_a_while(server, SYSTEM_TEXT, 3)
        assert client.count("connection lost") == 0

    parallel(lambda: control_flood("silent"), lambda: control_flood("resume", {"Resume": str(uuid.uuid4())}),
             visitor_flood, client_flood, tunnel_flood)
