#!/usr/bin/env python3
"""Started without standard streams, a program does not write its log into a connection that got their numbers."""
import os

from harness import HAS_PORT, Scene, ask, eventually, free_port, is_refused, parallel, visit

CLOSED = ["sh", "-c", 'exec "$@" 0<&- 1>&- 2>&-', "sh"]

with Scene() as scene:
    service_port = scene.echo_service()

    def check(process):
        """Nothing of the network has the number of a standard stream."""
        for fd in (0, 1, 2):
            path = f"/proc/{process.pid}/fd/{fd}"
            assert not os.path.lexists(path) or not os.readlink(path).startswith(("socket:", "anon_inode:")), os.readlink(path)

    def server():
        port = free_port()
        server = scene.rebore("server", "--control-port", port, "-v", launcher=CLOSED, name="server-closed")
        eventually(lambda: not is_refused(port), "the server listens")
        # All that it says is frames, whatever it logs meanwhile
        controls = [scene.hello(port) for _ in range(4)]
        for _ in range(3):
            for control in controls:
                with visit(control.public_port):
                    assert list(control.receive_but_heartbeats()) == ["Connection"]
        check(server)
        client = scene.client(service_port, port, name="client")
        with visit(client.public_port()) as visitor:
            assert ask(visitor, b"x") == b"x"
        assert server.end() == 0

    def client():
        server = scene.server(name="server")
        client = scene.rebore("local", service_port, "--to", f"127.0.0.1:{server.control_port}", "-v", launcher=CLOSED,
                              name="client-closed")
        port = int(server.wait_for(HAS_PORT)[1])
        for _ in range(5):
            with visit(port) as visitor:
                assert ask(visitor, b"x") == b"x"
        check(client)
        assert server.count("no message of the protocol") == 0
        assert client.end() == 0

    parallel(server, client)
