#!/usr/bin/env python3
"""When one tunnel, or somebody's leases, take all descriptors of the server, the others are served all the same."""
import signal
import socket
import threading
import uuid

from harness import DEADLINE_S, Scene, ask, eventually, need, parallel, read_exactly, visit

need("prlimit")
FEW = ["prlimit", "--nofile=256:256", "--"]
# (256 - 24) / 2, without tunnels
ROOM = 116


def stay(port, count):
    """So many visitors that say nothing and stay, for as long as they are let."""
    visitors = []
    for _ in range(count):
        try:
            visitors.append(visit(port))
        except ConnectionError:
            pass
    return visitors


class Others:
    """Visitors of another client, one after the other and two at a time, until they are told to end."""

    def __init__(self, port):
        self.port, self.served, self.unserved, self.ending = port, 0, [], threading.Event()
        self.threads = [threading.Thread(target=self.run, daemon=True) for _ in range(2)]
        for thread in self.threads:
            thread.start()

    def run(self):
        while not self.ending.is_set():
            try:
                with visit(self.port) as visitor:
                    assert ask(visitor, b"question") == b"question"
                self.served += 1
            except (OSError, EOFError) as failure:
                self.unserved.append(repr(failure))

    def wait_for(self, more):
        least = self.served + more
        eventually(lambda: self.served >= least or self.unserved, f"{more} more visitors are served", 2 * DEADLINE_S)
        self.check()

    def check(self):
        assert not self.unserved, f"{len(self.unserved)} of {self.served + len(self.unserved)}: {self.unserved[:3]}"

    def end(self):
        self.ending.set()
        for thread in self.threads:
            thread.join()
        self.check()
        return self.served


def stage(scene, name, *options):
    """A server with few descriptors, and a client whose visitors are to be served."""
    server = scene.server(*options, launcher=FEW, name=f"server-{name}")
    client = scene.client(scene.echo_service(), server, name=f"client-{name}")
    return server, client, Others(client.public_port())


def finish(server, client, others):
    others.wait_for(100)
    served = others.end()
    assert client.count("connection lost") == 0
    assert server.is_running()
    print(f"{server.name}: {served} visitors served")


def idle_visitors(scene):
    """Idle visitors of one tunnel, twice as many as there may be."""
    server, client, others = stage(scene, "idle")
    greedy = scene.client(scene.echo_service(), server, name="client-greedy")
    idle = stay(greedy.public_port(), 2 * ROOM)
    others.wait_for(200)
    # Those who were there first stay, and can speak
    assert ask(idle[0], b"first") == b"first"
    server.wait_for(rf"descriptors are short: the newest visitor from 127.0.0.1 on port {greedy.public_port()} gives way")
    # One from elsewhere is served by the greedy tunnel itself: another source has most there
    with socket.create_connection(("127.0.0.1", greedy.public_port()), DEADLINE_S, ("127.0.0.5", 0)) as other:
        assert ask(other, b"elsewhere") == b"elsewhere"
    # A new client has its port in spite of them
    scene.client(scene.echo_service(), server, name="client-late")
    finish(server, client, others)
    for one in idle:
        one.close()


def unaccepted_visitors(scene):
    """Visitors of a client that never accepts."""
    server, client, others = stage(scene, "unaccepted")
    deaf = scene.hello(server)
    waiting = stay(deaf.public_port, 2 * ROOM)
    others.wait_for(200)
    server.wait_for(rf"descriptors are short: the newest visitor from 127.0.0.1 on port {deaf.public_port} gives way")
    finish(server, client, others)
    for one in waiting:
        one.close()


def leave_lease(scene, server):
    """A client that announces itself and is gone. Returns its port, or None: it was refused."""
    control = scene.connect(server)
    try:
        control.send({"Hello": 0})
        control.send({"Announce": {"version": 1, "instance": str(uuid.uuid4()), "attempt": 1, "can": ["lease"]}})
        answer = control.receive_but_heartbeats()
        control.close()
        return answer.get("Hello")
    except (OSError, EOFError):
        return None


def leases(scene):
    """Leases left behind, of more clients than there can be."""
    server, client, others = stage(scene, "leases", "--lease", "600", "--hold", "600")
    # One that is away while a visitor waits for it, in the same place
    service_port, state = scene.echo_service(), scene.file("state")
    away = scene.client(service_port, server, "--state-file", state, name="client-away")
    port = away.public_port()
    away.end(signal.SIGKILL)
    server.wait_for(rf"port {port} is kept for")
    waiting = visit(port)
    waiting.sendall(b"waits")
    for number in range(2 * ROOM):
        leave_lease(scene, server)
        if number % 50 == 49:
            others.wait_for(50)
    server.wait_for("descriptors are short: the lease of port")
    assert not server.count(rf"lease of port {port} gives way")
    scene.client(service_port, server, "--state-file", state, name="client-back")
    assert read_exactly(waiting, 5) == b"waits"
    # Who holds a port keeps it, and another gets one
    late = scene.client(scene.echo_service(), server, name="client-late")
    with visit(late.public_port()) as visitor:
        assert ask(visitor, b"late") == b"late"
    finish(server, client, others)


with Scene(network=True) as scene:
    parallel(lambda: idle_visitors(scene), lambda: unaccepted_visitors(scene), lambda: leases(scene))
