#!/usr/bin/env python3
"""A spare that does not answer costs its visitor a moment, and those as old are not tried with the next visitors; one
that answers late still serves, and one that is newer is used."""
import fcntl
import struct
import termios
import time
import uuid

from harness import PATIENCE, Scene, eventually, visit, within


def unread_by(server, peer):
    """How much of what a peer has sent lies in the server's socket."""
    unread = 0
    for sock in server.sockets():
        with sock:
            if sock.getpeername()[1] == peer.sock.getsockname()[1]:
                unread += struct.unpack("i", fcntl.ioctl(sock, termios.FIONREAD, bytes(4)))[0]
    return unread


class Client:
    """One that offers spares, by hand."""

    def __init__(self, scene, server):
        self.scene, self.server = scene, server
        instance = str(uuid.uuid4())
        self.control = scene.connect(server)
        self.control.send({"Hello": 0}, {"Announce": {"version": 1, "instance": instance, "attempt": 1,
                                                      "can": ["spare", "key"]}})
        self.port = self.control.receive()["Hello"]
        while "Announce" not in (message := self.control.receive()):
            pass
        # Who spares belong to: the connection's own key, where the server has told one
        self.key = message["Announce"].get("key", instance)

    def spare(self):
        before = self.server.descriptors()
        peer = self.scene.connect(self.server)
        peer.send({"Spare": self.key})
        eventually(lambda: self.server.descriptors() > before, "the server has the connection")
        eventually(lambda: not unread_by(self.server, peer), "the server has read what it is")
        time.sleep(0.1 * PATIENCE)  # nothing tells that it has become a spare, and their order matters
        return peer

    def announced(self):
        """The uuid of the next visitor on the control connection."""
        while "Connection" not in (message := self.control.receive()):
            pass
        return message["Connection"]

    def accept(self, name, visitor, word):
        data = self.scene.connect(self.server)
        data.send({"Accept": name})
        assert data.raw(len(word)) == word
        data.send(b"answer")
        assert visitor.recv(6) == b"answer"


with Scene() as scene:
    server = scene.server()
    client = Client(scene, server)
    old = [client.spare() for _ in range(4)]

    # The newest is asked, and says nothing
    with visit(client.port) as visitor:
        start = time.monotonic()
        visitor.sendall(b"first")
        name = client.announced()
        took = time.monotonic() - start
        within(took, 0.9, "the visitor is announced")
        assert old[3].receive() == {"Connection": name}
        assert old[3].raw(5) == b"first"
        client.accept(name, visitor, b"first")
    server.wait_for(r"a spare connection did not answer; as old ones are closed: 3")
    for spare in old[:3]:
        assert spare.ending() == "end"

    # The next goes to one that is newer, if there is one
    newer = client.spare()
    with visit(client.port) as visitor:
        visitor.sendall(b"second")
        assert "Connection" in newer.receive()
        newer.send("Taken", b"answer")
        assert newer.raw(6) == b"second"
        assert visitor.recv(6) == b"answer"

    # One that answers late, when nobody has accepted the visitor, still serves it, and was none to be condemned
    late, other = client.spare(), client.spare()
    mark = server.mark()
    with visit(client.port) as visitor:
        visitor.sendall(b"third")
        name = client.announced()
        assert other.receive() == {"Connection": name}
        other.send("Taken", b"answer")
        assert other.raw(5) == b"third"
        assert visitor.recv(6) == b"answer"
    with visit(client.port) as visitor:
        visitor.sendall(b"fourth")
        assert "Connection" in late.receive()
        late.send("Taken", b"answer")
        assert visitor.recv(6) == b"answer"
    assert server.count("did not answer", mark) == 0
