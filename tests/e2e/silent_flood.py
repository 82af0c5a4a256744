#!/usr/bin/env python3
"""Of 300 silent connections as many stay as a quarter of the descriptors, the oldest go, and newcomers are served."""
import select
import time

from harness import Scene, Took, echoes, eventually, need, within

need("prlimit")
MOST = (1024 - 24) // 4

with Scene() as scene:
    server = scene.server(launcher=["prlimit", "--nofile=1024:1024", "--"])
    client = scene.client(scene.echo_service(), server, "--spares", 0)  # so that descriptors can be counted
    port = client.public_port()
    before = server.descriptors()

    def ended(peers):
        return {peer for peer in peers if select.select([peer.sock], [], [], 0)[0]}

    with Took() as took:
        silent = [scene.connect(server) for _ in range(300)]
        # Dropped by now, and long before their 3 s: the 50 oldest
        eventually(lambda: len(ended(silent)) >= 300 - MOST, "the oldest go")
    gone = ended(silent)
    if took.s < 2.5:  # else the first have used up their 3 s
        # Each tells of itself in a thread of its own, so that neighbours may change places
        assert not gone & set(silent[200:]), sorted(silent.index(peer) for peer in gone)
        assert len(gone) < 300 - MOST + 20, len(gone)
    with Took() as took:
        scene.hello(server).close()
        assert echoes(port, b"served")
    within(took.s, 1, "a newcomer is served")
    server.wait_for("too many connections have said nothing yet")
    assert server.count("too many connections") == 1, "once in a while"

    # And they keep coming: a newcomer is served all the same
    end = time.monotonic() + 2
    while time.monotonic() < end:
        silent += [scene.connect(server) for _ in range(50)]
        with Took() as took:
            scene.hello(server).close()
            assert echoes(port, b"served")
        within(took.s, 1, "a newcomer is served")
        assert server.threads() < 2 * MOST + 100
    for peer in silent:
        peer.close()
    eventually(lambda: server.descriptors() <= before + 2, "all is given back")
