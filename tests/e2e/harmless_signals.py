#!/usr/bin/env python3
"""Signals that tell of something, and are of no use here, do not end a program."""
import signal

from harness import Scene, echoes

with Scene() as scene:
    server = scene.server()
    client = scene.client(scene.echo_service(), server)
    port = client.public_port()
    harmless = [signal.SIGUSR1, signal.SIGUSR2, signal.SIGPIPE, signal.SIGALRM, signal.SIGVTALRM, signal.SIGPROF,
                signal.SIGIO, signal.SIGXFSZ, signal.SIGPWR, signal.SIGRTMIN, signal.SIGRTMAX]
    for number in harmless:
        for process in (server, client):
            process.send(number)
        # A signal that ends a process has done so before anything that is asked of it later
        assert echoes(port, b"goes on"), number
        assert server.is_running() and client.is_running(), number
    assert client.count("connection lost") == 0
    assert client.end() == 0 and server.end() == 0
