#!/usr/bin/env python3
"""When no more threads are to be had, that one connection is shed with the system's text, and all goes on."""
import os
import shutil

from harness import REBORE, Scene, ask, echoes, eventually, flood, need, need_root, parallel, visit

need_root()
need("setpriv", "prlimit")
with Scene() as scene:
    os.chmod(scene.folder, 0o755)
    program = os.path.join(scene.folder, "rebore")
    shutil.copy(REBORE, program)
    service_port = scene.echo_service()

    def few_threads(uid, limit):
        """As a user of its own, whose threads are counted: root has no limit."""
        user = str(uid + os.getpid() % 1_000_000)
        return ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", "--",
                "prlimit", f"--nproc={limit}:{limit}", "--"]

    def served_of_flood(port):
        visitors, served = flood(port, 60)
        for visitor in visitors:
            visitor.close()
        return served

    def afterwards(port):
        def works():
            try:
                return echoes(port, b"afterwards")
            except ConnectionError:
                return False
        eventually(works, "visitors are served again")

    def client_runs_out():
        server = scene.server(name="server-rich")
        client = scene.start("client-poor", program, "local", service_port, "--to", f"127.0.0.1:{server.control_port}",
                             launcher=few_threads(1_000_000_000, 20))
        port = client.public_port()
        with visit(port) as visitor:
            assert ask(visitor, b"before") == b"before"
            assert 5 < served_of_flood(port) < 60
            assert ask(visitor, b"during") == b"during"
        client.wait_for(r"visitor turned away: .*Resource temporarily unavailable")
        assert client.count("Resource temporarily unavailable") <= 3
        assert client.count("connection lost") == 0
        afterwards(port)

    def server_runs_out():
        server = scene.start("server-poor", program, "server", "--control-port", 0,
                             launcher=few_threads(1_100_000_000, 20))
        server.control_port = int(server.wait_for(r"listening on \S+:(\d+)")[1])
        client = scene.client(service_port, server, name="client-rich")
        port = client.public_port()
        with visit(port) as visitor:
            assert ask(visitor, b"before") == b"before"
            assert 5 < served_of_flood(port) < 60
            assert ask(visitor, b"during") == b"during"
        server.wait_for(r"turned away: .*Resource temporarily unavailable")
        assert server.count("Resource temporarily unavailable") <= 3
        assert client.count("connection lost") == 0
        afterwards(port)

    parallel(client_runs_out, server_runs_out)
