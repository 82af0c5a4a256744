#!/usr/bin/env python3
"""A stop does not wait until all connections are taken that have come: the acceptor looks up in between."""
import resource
import signal

from harness import Scene, skip

COUNT = 1500

soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
if hard != resource.RLIM_INFINITY and hard < 2 * COUNT:
    skip("not enough descriptors")
resource.setrlimit(resource.RLIMIT_NOFILE, (2 * COUNT, hard))
with open("/proc/sys/net/core/somaxconn", encoding="ascii") as file:
    if int(file.read()) < COUNT:
        skip("the system lets too few connections wait")

with Scene() as scene:
    server = scene.server("-s", "x")
    server.send(signal.SIGSTOP)
    peers = [scene.connect(server) for _ in range(COUNT)]
    server.send(signal.SIGTERM)
    server.send(signal.SIGCONT)
    assert server.status() == 0
    taken = 0  # were sent a challenge
    for peer in peers:
        try:
            taken += peer.sock.recv(1) != b""
        except ConnectionResetError:
            pass
    assert taken < COUNT - 200, taken
