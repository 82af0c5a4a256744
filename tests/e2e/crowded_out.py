#!/usr/bin/env python3
"""Connections that say nothing send away others of their own source, not the handshakes of a client far away."""
import resource
import select

from harness import Scene, answer, eventually, need, parallel

need("prlimit")
SECRET = "s"
MOST = (1024 - 24) // 4  # silent connections that a server with 1024 descriptors keeps

soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (hard if 0 < hard < 4096 else 4096, hard))


def few(descriptors):
    return ["prlimit", f"--nofile={descriptors}:{descriptors}", "--"]


def ended(peers):
    """Those whose connection has something to read besides the challenge, which was read: the end."""
    poll = select.poll()
    for peer in peers:
        poll.register(peer.sock, select.POLLIN)
    return len(poll.poll(0))


with Scene() as scene:
    def arrive(server, source):
        """As far as a client is whose answer is still on its way."""
        peer = scene.connect(server, source=source)
        peer.challenge = peer.receive()["Challenge"]
        return peer

    def have_a_port(peers):
        """Their answers come, and so does the server's."""
        for peer in peers:
            peer.send(answer(SECRET, peer.challenge), {"Hello": 0})
        for peer in peers:
            assert "Hello" in peer.receive()

    def one_host_floods():
        server = scene.server("-s", SECRET, launcher=few(1024), name="server-one")
        slow = [arrive(server, f"127.0.0.{3 + i}") for i in range(5)]
        silent = [arrive(server, "127.0.0.2") for _ in range(MOST + 100)]
        eventually(lambda: ended(silent) >= 90, "strangers are dropped")
        have_a_port(slow)
        server.wait_for("the oldest of the source that has most is dropped")

    def many_hosts_flood():
        """As many sources as there may be connections, one from each, and a client's many data connections."""
        server = scene.server("-s", SECRET, launcher=few(1024), name="server-share")
        client = scene.client(1, server, "-s", SECRET, "--spares", 0, name="client-share")
        slow = [arrive(server, "127.0.0.1") for _ in range(10)]
        silent = [arrive(server, f"127.0.{1 + i // 250}.{1 + i % 250}") for i in range(MOST + 50)]
        eventually(lambda: ended(silent) >= 50, "strangers are dropped")
        have_a_port(slow)
        client.end()

    def many_come_back():
        """Far away, so that all of them are in the handshake at the same time."""
        server = scene.server("-s", SECRET, launcher=few(3000), name="server-many")
        clients = [arrive(server, f"127.1.{1 + i // 250}.{1 + i % 250}") for i in range(500)]
        have_a_port(clients)

    parallel(one_host_floods, many_hosts_flood)
    many_come_back()
