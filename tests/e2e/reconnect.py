#!/usr/bin/env python3
"""A tunnel comes back by itself, at the same public port, after its server was killed and started again."""
import re
import signal

from harness import AGAIN, CONNECTED, HAS_PORT, Scene, ask, echoes, ending_of, noise, visit

with Scene() as scene:
    service_port = scene.echo_service()
    server = scene.server()
    client = scene.client(service_port, server)
    port = client.public_port()
    assert echoes(port, noise(100_000))
    visitor = visit(port)
    assert ask(visitor, b"before") == b"before"

    mark = client.mark()
    server.end(signal.SIGKILL)
    ending_of(visitor)  # ended one way or the other: its server is gone
    lost = client.wait_for(r"connection lost \(([^)]+)\); " + AGAIN, after=mark)
    assert 0.75 <= float(lost[2]) <= 1.3, lost[0]

    server = scene.server(control_port=server.control_port)
    again = client.wait_for(CONNECTED, after=mark)
    assert re.fullmatch(r"connected again after [0-9.]+ s, same public address 127\.0\.0\.1:\d+", again[0]), again[0]
    assert int(again[2]) == port
    assert echoes(port, noise(100_000))
    assert server.wait_for(HAS_PORT)[1] == str(port)

    # And a second time, after an orderly end
    mark = client.mark()
    assert server.end() == 0
    client.wait_for(r"connection lost \(.+\); trying again", after=mark)
    scene.server(control_port=server.control_port)
    assert client.public_port(after=mark) == port
    assert echoes(port, b"again")
    assert client.end() == 0
