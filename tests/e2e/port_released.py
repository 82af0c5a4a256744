#!/usr/bin/env python3
"""The public port is free within 0.4 s after the client's control connection ended, however it ended; a lease is asked for."""
import signal
import socket

from harness import HAS_PORT, Scene, Took, bore, ending_of, eventually, is_refused, parallel, visit, within

BORE = bore()

with Scene(network=True) as scene:
    server = scene.server(control_port=7835)

    def freed(port):
        with Took() as took:
            eventually(lambda: is_refused(port), "the public port is free")
        within(took.s, 0.4, "the public port is free")

    def by_end():
        control = scene.hello(server)
        control.close()
        freed(control.public_port)
        # And can be had again at once
        assert scene.hello(server, control.public_port).public_port == control.public_port

    def by_reset():
        control = scene.hello(server)
        control.reset()
        freed(control.public_port)

    def by_shutdown():
        """An end of file is the end of a control connection, also while the client would still read."""
        control = scene.hello(server)
        control.sock.shutdown(socket.SHUT_WR)
        freed(control.public_port)

    def with_visitors_waiting():
        control = scene.hello(server)
        visitors = [visit(control.public_port) for _ in range(5)]
        for _ in visitors:
            control.receive_but_heartbeats()
        control.close()
        freed(control.public_port)
        for visitor in visitors:
            assert ending_of(visitor) == "reset"

    def real_bore():
        client = scene.start("bore", BORE, "local", "1", "--to", "127.0.0.1")
        port = int(client.wait_for(r"listening at \S+:(\d+)")[1])
        client.end(signal.SIGKILL)
        freed(port)

    def ours_stopped():
        client = scene.client(1, server)
        port = client.public_port()
        client.end()
        freed(port)

    def taken():
        control = scene.hello(server)
        other = scene.connect(server)
        other.send({"Hello": control.public_port})
        assert other.receive() == {"Error": "port already in use"}
        assert other.ending() == "end"

    parallel(by_end, by_reset, by_shutdown, with_visitors_waiting, real_bore, ours_stopped, taken)
    assert server.count(HAS_PORT) >= 7
