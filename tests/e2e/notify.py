#!/usr/bin/env python3
"""The service manager hears READY=1 from a server that listens and from a client that runs, and STATUS= of what happens."""
import os
import socket

from harness import DEADLINE_S, Scene, free_port, is_refused, parallel


class Manager:
    """The socket of a service manager."""

    def __init__(self, scene, name):
        self.path = name if name[0] == "@" else os.path.join(scene.folder, name)
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.sock.bind("\0" + self.path[1:] if name[0] == "@" else self.path)
        self.sock.settimeout(DEADLINE_S)
        self.env = {"NOTIFY_SOCKET": self.path}

    def hears(self):
        return self.sock.recv(4096).decode().splitlines()

    def hears_one_with(self, part):
        while True:
            lines = self.hears()
            if any(part in line for line in lines):
                return lines


with Scene() as scene:
    def server(name):
        manager = Manager(scene, name)
        port = free_port()
        server = scene.rebore("server", "--control-port", port, env=manager.env, name="server")
        lines = manager.hears()
        assert not is_refused(port), "READY=1 comes only when it listens"
        assert "READY=1" in lines and any(line.startswith("STATUS=listening on") and str(port) in line for line in lines), lines
        server.end()
        assert "STOPPING=1" in manager.hears_one_with("STOPPING")

    def server_that_cannot_listen():
        manager = Manager(scene, "failing")
        taken = scene.server(name="server-taken").control_port
        server = scene.rebore("server", "--control-port", taken, env=manager.env, name="server-fails")
        assert server.status() == 1
        manager.sock.setblocking(False)
        try:
            assert "READY=1" not in manager.hears()
        except BlockingIOError:
            pass

    def client():
        manager = Manager(scene, "client")
        fake = scene.fake_server()
        client = scene.client(1, fake, env=manager.env, connected=False, name="client")
        fake.accept()  # and says nothing: the client is ready all the same
        seen = []
        while "READY=1" not in seen:
            seen += manager.hears()
        assert not any("connected" in line for line in seen), seen
        manager.hears_one_with("STATUS=no connection (")
        control = fake.accept_client()
        manager.hears_one_with("STATUS=connected, public address 127.0.0.1:4242")
        control.close()
        manager.hears_one_with("STATUS=connection lost (")
        client.end()
        manager.hears_one_with("STOPPING=1")

    def escaped():
        """A server's text cannot add lines of its own."""
        manager = Manager(scene, "escaped")
        fake = scene.fake_server()
        scene.client(1, fake, env=manager.env, connected=False, name="client-escaped")
        fake.accept().send({"Error": "x\nMAINPID=1\nREADY=0"})
        lines = manager.hears_one_with("STATUS=no connection")
        assert not any(line.startswith(("MAINPID", "READY=0")) for line in lines), lines

    def no_manager():
        """A socket that is not there, or makes no sense, does no harm."""
        for path in ("/no/such/socket", "", "x" * 200, "@"):
            scene.server(env={"NOTIFY_SOCKET": path}, name="server-alone").end()

    parallel(lambda: server("server"), lambda: server("@rebore-test"), server_that_cannot_listen, client, escaped,
             no_manager)
