#!/usr/bin/env python3
"""--no-reconnect: a first failure is exit 1, a loss a clean end with the reason in the log, wrong authentication 77."""
import signal

from harness import Scene, free_port, parallel

with Scene() as scene:
    def first_failure():
        client = scene.client(1, free_port(), "--no-reconnect", connected=False, name="client-first")
        assert client.status() == 1
        assert client.count(r"error: no connection \(.*Connection refused") == 1
        assert client.count("trying again") == 0

    def loss():
        server = scene.server(name="server-killed")
        client = scene.client(1, server, "--no-reconnect", name="client-loss")
        server.end(signal.SIGKILL)
        assert client.status() == 0
        assert client.count(r"connection lost \(.+\)") == 1
        assert client.count("trying again") == 0

    def refused_port():
        fake = scene.fake_server()
        client = scene.client(1, fake, "--no-reconnect", connected=False, name="client-port")
        fake.accept().send({"Error": "port already in use"})
        assert client.status() == 1
        assert client.count("port already in use") == 1

    def authentication(secret):
        server = scene.server("-s", "right", name="server-secret")
        client = scene.client(1, server, "--no-reconnect", *secret, connected=False, name="client-secret")
        assert client.status() == 77

    parallel(first_failure, loss, refused_port, lambda: authentication(["-s", "wrong"]), lambda: authentication([]))
