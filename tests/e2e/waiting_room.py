#!/usr/bin/env python3
"""Visitors of an absent client: who has ended without a byte makes room, and thousands that reset cost next to nothing."""
import resource
import socket
import time

from harness import DEADLINE_S, PATIENCE, Scene, eventually, need, parallel, read_exactly, reset, visit

MANY = 3000


def health_checks(scene):
    """64 closed health checks fill the waiting room; then a real visitor comes, and then its client."""
    service_port = scene.echo_service()
    state = scene.file("state")
    server = scene.server("--lease", "600", "--hold", "600", name="server-checked")
    client = scene.client(service_port, server, "--state-file", state, "--spares", "0", name="client-checked")
    port = client.public_port()
    client.popen.kill()
    client.status()
    server.wait_for(rf"port {port} is kept for")
    for _ in range(64):
        visit(port).close()
    # One that has asked and ended its side is no health check
    asked = [visit(port) for _ in range(3)]
    for one in asked:
        one.sendall(b"question")
        one.shutdown(socket.SHUT_WR)
    waiting = visit(port)
    waiting.sendall(b"real")
    scene.client(service_port, server, "--state-file", state, "--spares", "0", name="client-again")
    assert read_exactly(waiting, 4) == b"real"
    for one in asked:
        assert read_exactly(one, 8) == b"question"
    server.wait_for("had ended and sent nothing")


def a_full_room(scene):
    """Where nobody has left, the newcomer is turned away as ever."""
    server = scene.server("--lease", "600", "--hold", "600", "--max-waiting", "2", name="server-full")
    client = scene.client(scene.echo_service(), server, name="client-full")
    port = client.public_port()
    client.popen.kill()
    client.status()
    server.wait_for(rf"port {port} is kept for")
    waiting = [visit(port) for _ in range(2)]
    try:
        with visit(port) as third:
            assert third.recv(1) == b"", "it waits"
    except ConnectionResetError:
        pass
    server.wait_for("as many as may wait")
    for one in waiting:
        one.setblocking(False)
        try:
            assert one.recv(1) != b"", "it was turned away"
        except BlockingIOError:
            pass
        one.close()


def resets(scene):
    """Thousands that wait, and then reset."""
    prlimit = need("prlimit")
    server = scene.server("--lease", "600", "--hold", "600", "--max-waiting", MANY, name="server-reset",
                          launcher=[prlimit, "--nofile=16384:16384", "--"])
    client = scene.client(scene.echo_service(), server, name="client-reset")
    port = client.public_port()
    client.popen.kill()
    client.status()
    server.wait_for(rf"port {port} is kept for")
    before, few = server.cpu_s(), server.descriptors()
    visitors = []
    for _ in range(MANY):
        visitors.append(visit(port))
        time.sleep(0.0005)  # one at a time: whoever looks at all that wait whenever one comes has most to do
    eventually(lambda: server.descriptors() >= few + MANY, "all wait", 2 * DEADLINE_S)
    for one in reversed(visitors):
        reset(one)
    eventually(lambda: server.descriptors() <= few, "all are forgotten", 2 * DEADLINE_S)
    cost = server.cpu_s() - before
    print(f"{MANY} that wait and reset: {cost:.2f} s of processor")
    assert cost < 1.5 * PATIENCE, cost


soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
if hard != resource.RLIM_INFINITY and hard < 2 * MANY:
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    MANY = hard // 4
else:
    resource.setrlimit(resource.RLIMIT_NOFILE, (2 * MANY, hard))
with Scene() as scene:
    parallel(lambda: health_checks(scene), lambda: a_full_room(scene), lambda: resets(scene))
