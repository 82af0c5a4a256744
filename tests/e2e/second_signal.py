#!/usr/bin/env python3
"""A second signal ends a program on the spot; its port is free, and its pid file does not hinder the next start."""
import os
import signal

from harness import Scene, eventually, is_refused, parallel


def is_stopped(process):
    with open(f"/proc/{process.pid}/stat", encoding="ascii") as file:
        return file.read().rsplit(")", 1)[1].split()[0] == "T"


def end_by_two(process):
    """Both signals are there before the program can act on the first."""
    process.send(signal.SIGSTOP)
    eventually(lambda: is_stopped(process), "the process is stopped")
    process.send(signal.SIGINT)
    process.send(signal.SIGTERM)
    process.send(signal.SIGCONT)
    assert process.status() == -signal.SIGTERM, process.popen.returncode


with Scene() as scene:
    def server_ends():
        pid_file = os.path.join(scene.folder, "server.pid")
        server = scene.server("--pid-file", pid_file)
        end_by_two(server)
        assert is_refused(server.control_port)
        scene.server("--pid-file", pid_file, control_port=server.control_port, name="server-next")

    def client_ends():
        server = scene.server(name="server-of-client")
        client = scene.client(1, server)
        port = client.public_port()
        end_by_two(client)
        # It had no time to say goodbye; whoever comes next from here has the port all the same
        scene.client(1, server, "--port", port, name="client-next")

    parallel(server_ends, client_ends)
