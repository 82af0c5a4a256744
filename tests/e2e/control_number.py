#!/usr/bin/env python3
"""No client gets the number of the control port, also where public ports are on another address: "host:number" would be
taken for the server. In a range that is full, the port of one who leaves goes to the next who asks for any."""
from harness import Scene, parallel


def number(scene):
    server = scene.server("--bind-addr", "127.0.0.1", "--bind-tunnels", "127.0.0.2", name="server-apart")
    asked = scene.connect(server)
    asked.send({"Hello": server.control_port})
    answer = asked.receive()
    assert answer == {"Error": "port already in use"}, answer
    assert asked.ending() == "end"


def full(scene):
    """A range of 30 ports, all with clients."""
    low = 21000  # other tests and programs may have some of them: then they are full all the sooner
    server = scene.server("--min-port", low, "--max-port", low + 29, name="server-full")
    kept = []
    while True:
        control = scene.connect(server)
        control.send({"Hello": 0})
        answer = control.receive()
        if "Error" in answer:
            break
        kept.append(control)
    assert answer == {"Error": "failed to find an available port"}, answer
    assert len(kept) <= 30
    # One that leaves has its port free for the next
    if kept:
        kept.pop().close()
        again = server.wait_for(r"port (\d+) is free")
        assert scene.hello(server).public_port == int(again[1])


with Scene() as scene:
    parallel(lambda: number(scene), lambda: full(scene))
