#!/usr/bin/env python3
"""An address or a link that is not there yet is waited for: by the server, which is ready then, and by the client."""
import os
import re
import signal
import socket
import subprocess

from harness import (AGAIN, CONNECTED, DEADLINE_S, LISTENING, REBORE, Scene, echoes, eventually, is_alive, is_refused, need,
                     parallel)

IP = need("ip")


def ip(*words):
    subprocess.run([IP, *words], check=True)


def link_comes(name):
    ip("link", "add", name, "type", "veth", "peer", "name", name + "p")
    ip("address", "add", "fe80::77/64", "dev", name, "nodad")
    for one in (name, name + "p"):
        ip("link", "set", one, "up")


with Scene(network=True) as scene:
    service = scene.echo_service()

    def address():
        path = os.path.join(scene.folder, "notify")
        notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        notify.bind(path)
        notify.settimeout(DEADLINE_S)
        server = scene.rebore("server", "--bind-addr", "192.0.2.77", "--control-port", 0, name="server-address",
                              env={"NOTIFY_SOCKET": path})
        server.wait_for("warning: cannot listen on 192.0.2.77:0: .*; waiting for it")
        for _ in range(2):
            told = notify.recv(4096).decode()
            assert "READY=1" not in told and "STATUS=cannot listen" in told and "EXTEND_TIMEOUT_USEC=" in told, told
        server.send(signal.SIGHUP)
        assert server.is_running()
        ip("address", "add", "192.0.2.77/32", "dev", "lo")
        port = int(server.wait_for(LISTENING)[2])
        while "READY=1" not in told:
            told = notify.recv(4096).decode()
        assert "STATUS=listening on 192.0.2.77" in told, told
        assert server.count("waiting for it") == 1, "one line, however long it takes"
        client = scene.rebore("local", service, "--to", f"192.0.2.77:{port}", name="client-address")
        assert echoes(client.public_port(), b"x", "192.0.2.77")
        assert server.end() == 0

    def tunnels_address():
        server = scene.rebore("server", "--bind-tunnels", "192.0.2.91", "--control-port", 0, name="server-tunnels-address")
        server.wait_for("warning: cannot listen on 192.0.2.91:0: .*; waiting for it")
        ip("address", "add", "192.0.2.91/32", "dev", "lo")
        port = int(server.wait_for(LISTENING)[2])
        client = scene.rebore("local", service, "--to", f"127.0.0.1:{port}", name="client-tunnels-address")
        assert echoes(client.public_port(), b"x", "192.0.2.91")

    def stop():
        for sig in (signal.SIGTERM, signal.SIGINT):
            server = scene.rebore("server", "--bind-addr", "192.0.2.78", name="server-stopped")
            server.wait_for("waiting for it")
            assert server.end(sig) == 0

    def link():
        server = scene.rebore("server", "--bind-addr", "fe80::77%late0", "--control-port", 0, name="server-link")
        server.wait_for("warning: there is no link 'late0'; waiting for it")
        link_comes("late0")
        port = int(server.wait_for(LISTENING)[2])
        assert server.count(rf"listening on \[fe80::77%late0\]:{port}\n") == 1
        client = scene.rebore("local", service, "--to", f"[fe80::77%late0]:{port}", name="client-link")
        client.wait_for(CONNECTED)

    def tunnels_link():
        server = scene.rebore("server", "--bind-tunnels", "fe80::77%late1", "--control-port", 0, name="server-tunnels")
        server.wait_for("warning: there is no link 'late1'; waiting for it")
        link_comes("late1")
        server.wait_for(LISTENING)

    def client():
        server = scene.server(name="server-of-client")
        waiting = [
            scene.rebore("local", service, "--to", f"[fe80::77%late2]:{server.control_port}", name="client-to"),
            scene.rebore("local", service, "-l", "fe80::77%late2", "--to", f"127.0.0.1:{server.control_port}",
                         name="client-local")]
        waiting[0].wait_for("no connection.*" + AGAIN)
        waiting[1].wait_for(CONNECTED)
        link_comes("late2")
        waiting[0].send(signal.SIGHUP)
        waiting[0].wait_for(CONNECTED)

    def daemon():
        """The shell goes on at once; what was named from its folder is found there later."""
        folder = os.path.join(scene.folder, "start")
        os.mkdir(folder)
        done = subprocess.run([REBORE, "server", "--daemon", "--bind-addr", "192.0.2.79", "--control-port", "7839",
                               "--pid-file", "pid", "--state-file", "state"], cwd=folder, capture_output=True, text=True,
                              timeout=DEADLINE_S, check=False, env=scene.environment())
        assert done.returncode == 0 and "waiting for it" in done.stderr, done
        with open(os.path.join(folder, "pid"), encoding="ascii") as file:
            pid = int(file.read())
        try:
            assert re.search("rebore", os.readlink(f"/proc/{pid}/exe"))
            ip("address", "add", "192.0.2.79/32", "dev", "lo")
            eventually(lambda: not is_refused(7839, "192.0.2.79"), "the daemon listens")
            assert os.path.exists(os.path.join(folder, "state"))
        finally:
            os.kill(pid, signal.SIGTERM)
        eventually(lambda: not is_alive(pid), "the daemon ends")

    parallel(address, stop, link, tunnels_link, tunnels_address, client, daemon)
