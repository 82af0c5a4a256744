#!/usr/bin/env python3
"""A server with two secrets: who knows one accepts no visitor of a tunnel that was made with the other, and gives no
spare to it; and a client that stays connected with a secret that was replaced is served all the same."""
import os
import signal
import uuid

from harness import Scene, answer, echoes, parallel, visit


def authenticated(scene, server, secret):
    peer = scene.connect(server)
    peer.send(answer(secret, peer.receive()["Challenge"]))
    return peer


class Client:
    """One that offers spares, by hand."""

    def __init__(self, scene, server, secret):
        self.scene, self.server, self.secret = scene, server, secret
        self.control = authenticated(scene, server, secret)
        self.control.send({"Hello": 0}, {"Announce": {"version": 1, "instance": str(uuid.uuid4()), "attempt": 1,
                                                      "can": ["spare", "key", "lease"]}})
        self.port = self.control.receive()["Hello"]
        while "Announce" not in (message := self.control.receive()):
            pass
        self.key = message["Announce"]["key"]

    def announced(self):
        while "Connection" not in (message := self.control.receive()):
            pass
        return message["Connection"]

    def data(self, message, secret=None):
        peer = authenticated(self.scene, self.server, secret or self.secret)
        peer.send(message)
        return peer


def serve(data, visitor):
    data.send(b"answer")
    assert visitor.recv(6) == b"answer"


with Scene() as scene:
    red, blue = scene.file("red", "red\n"), scene.file("blue", "blue\n")
    # -v: no line about a stranger is left out because another case has caused one
    server = scene.server("-v", "--secret-file", red, "--secret-file", blue)

    def visitors_are_not_for_another():
        client = Client(scene, server, "red")
        with visit(client.port) as visitor:
            name = client.announced()
            stranger = client.data({"Accept": name}, "blue")
            assert stranger.ending() in ("end", "reset")
            server.wait_for(r":%d accepts a visitor that does not wait" % stranger.sock.getsockname()[1])
            # It still waits for its own client
            serve(client.data({"Accept": name}), visitor)

    def spares_are_not_from_another():
        client = Client(scene, server, "red")
        spare = client.data({"Spare": client.key}, "blue")
        assert spare.ending() in ("end", "reset")
        with visit(client.port) as visitor:
            serve(client.data({"Accept": client.announced()}), visitor)

    def either_is_served():
        service = scene.echo_service()
        for path in (red, blue):
            client = scene.client(service, server, "--secret-file", path, name="client-" + os.path.basename(path))
            assert echoes(client.public_port(), b"through")

    def replaced_while_connected():
        path = scene.file("rotated", "old\n")
        rotated = scene.server("--secret-file", path, name="server-rotated")
        client = Client(scene, rotated, "old")
        with visit(client.port) as visitor:
            name = client.announced()
            with open(path, "w", encoding="ascii") as file:
                file.write("new\n")
            mark = rotated.mark()
            rotated.send(signal.SIGHUP)
            rotated.wait_for("secret", after=mark)
            # The new secret opens nothing of the old one's; the old one does
            stranger = client.data({"Accept": name}, "new")
            assert stranger.ending() in ("end", "reset")
            serve(client.data({"Accept": name}), visitor)

    def comes_back_with_another():
        """Visitors that wait are for the client that has come back, with whatever secret"""
        client = Client(scene, server, "red")
        client.control.reset()
        server.wait_for(r"port %d is kept" % client.port)
        with visit(client.port) as visitor:
            control = authenticated(scene, server, "blue")
            control.send({"Hello": client.port}, {"Announce": {"version": 1, "instance": str(uuid.uuid4()),
                                                               "attempt": 1, "can": ["lease"]}})
            assert control.receive() == {"Hello": client.port}
            while "Connection" not in (message := control.receive()):
                pass
            name = message["Connection"]
            assert client.data({"Accept": name}).ending() in ("end", "reset")
            serve(client.data({"Accept": name}, "blue"), visitor)

    parallel(visitors_are_not_for_another, spares_are_not_from_another, either_is_served, replaced_while_connected,
             comes_back_with_another)
