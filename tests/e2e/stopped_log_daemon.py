#!/usr/bin/env python3
"""A log daemon that takes nothing keeps neither program from serving, nor from ending; what was lost is counted."""
import os
import re
import socket

from harness import (CONNECTED, DEADLINE_S, HAS_PORT, LISTENING, OWN_MOUNTS, Scene, Took, ask, need, parallel, visit,
                     within)

need("mount")


class LogDaemon:
    """What listens on the /dev/log of the processes that it launches. It can stop reading."""

    def __init__(self, scene, name):
        self.path = os.path.join(scene.folder, name)
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.sock.bind(self.path)
        self.sock.settimeout(DEADLINE_S)
        scene.closables.append(self.sock)
        self.launcher = [*OWN_MOUNTS, "sh", "-c", "mount -t tmpfs none /dev && touch /dev/log /dev/null /dev/urandom"
                         f" && mount --bind {self.path} /dev/log && exec \"$@\"", "sh"]

    def wait_for(self, pattern):
        while True:
            found = re.search(pattern, self.sock.recv(8192).decode())
            if found:
                return found

    def stop(self):
        """Has no room any more."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as filler:
            filler.setblocking(False)
            try:
                while True:
                    filler.sendto(b"filler", self.path)
            except BlockingIOError:
                pass


with Scene(network=True) as scene:
    service = scene.echo_service()

    def serves_and_ends(process, log, port):
        log.stop()
        for _ in range(10):
            with visit(port) as visitor:
                assert ask(visitor, b"x") == b"x"
        # As soon as the daemon reads again, it is told how many it has missed
        log.wait_for("filler")
        with visit(port) as visitor:
            assert ask(visitor, b"x") == b"x"
        assert int(log.wait_for(r"<28>.* rebore\[\d+\]: (\d+) log lines were lost")[1]) > 1
        log.stop()
        with Took() as took:
            assert process.end() == 0
        within(took.s, 3, "it ends")
        assert not re.search("visitor|stopping", process.log()), process.log()

    def server():
        log = LogDaemon(scene, "server-log")
        process = scene.rebore("server", "--control-port", 0, "--syslog", "-v", launcher=log.launcher, name="server")
        port = int(log.wait_for(LISTENING)[2])
        client = scene.client(service, port, name="client-of-it")
        serves_and_ends(process, log, client.public_port())

    def client():
        log = LogDaemon(scene, "client-log")
        other = scene.server(name="server-of-it")
        process = scene.rebore("local", service, "--to", f"127.0.0.1:{other.control_port}", "--syslog", "-v",
                               launcher=log.launcher, name="client")
        port = int(other.wait_for(HAS_PORT)[1])
        log.wait_for(CONNECTED)
        serves_and_ends(process, log, port)

    parallel(server, client)
