#!/usr/bin/env python3
"""Two clients with copies of one state file: each visitor reaches the service that he asked for, and the later client
becomes another one and says so, at both ends. A state file that is put back, alone, changes nothing."""
import json
import shutil
import signal
import uuid

from harness import DEADLINE_S, Scene, ask, eventually, free_port, read_all, visit

COPY = r"error: .*\bcopy\b"


def instance_of(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)["instance"]


def serves(name):
    """A service that says its name and ends."""
    return lambda conn: conn.sendall(name)


def answers(port, count):
    """What so many visitors of a port read, all at the same time."""
    visitors = [visit(port) for _ in range(count)]
    said = {read_all(visitor) for visitor in visitors}
    for visitor in visitors:
        visitor.close()
    return said


def copied(scene, server, *options):
    """Two paths of the same state file, of a client that was connected."""
    path = scene.folder + "/state" + str(len(scene.processes))
    scene.client(scene.echo_service(), server, "--state-file", path, *options, name="maker").end()
    shutil.copy(path, path + ".copy")
    return path, path + ".copy"


def ports_of_their_own(secret=()):
    """The case that was lost: a -p each, so neither is in the other's way."""
    with Scene() as scene:
        server = scene.server(*secret)
        path, copy = copied(scene, server, *secret)
        ports = free_port(), free_port()
        one = scene.client(scene.service(serves(b"one")), server, "-p", ports[0], "--state-file", path, *secret,
                           name="one")
        old = instance_of(path)
        assert one.public_port() == ports[0]
        other = scene.client(scene.service(serves(b"other")), server, "-p", ports[1], "--state-file", copy, *secret,
                             name="other")
        other.wait_for(COPY)
        server.wait_for(COPY)
        assert other.public_port() == ports[1]
        assert instance_of(path) == old and instance_of(copy) != old
        for _ in range(3):
            assert answers(ports[0], 20) == {b"one"}
            assert answers(ports[1], 20) == {b"other"}
        assert one.count("error:") == 0 and one.count("connection lost") == 0, "the first one notices nothing"
        for process in scene.processes:
            assert old not in process.log() and instance_of(copy) not in process.log()
        # That was all: it is another client now, also when it is started again
        other.end(signal.SIGKILL)
        again = scene.client(scene.echo_service(), server, "-p", ports[1], "--state-file", copy, *secret, name="again")
        assert again.public_port() == ports[1] and again.count("copy") == 0


def same_port():
    """Without a -p the later one does not wait for a port that is the first one's: it takes another at once."""
    with Scene() as scene:
        server = scene.server()
        path, copy = copied(scene, server)
        one = scene.client(scene.service(serves(b"one")), server, "--state-file", path, name="one")
        other = scene.client(scene.service(serves(b"other")), server, "--state-file", copy, name="other")
        other.wait_for(COPY)
        assert other.public_port() != one.public_port()
        assert answers(one.public_port(), 10) == {b"one"} and answers(other.public_port(), 10) == {b"other"}
        assert one.count("connection lost") == 0


def at_the_same_time():
    """Both ask at the same moment: still one of them, and only one, is the later."""
    with Scene() as scene:
        server = scene.server()
        path, copy = copied(scene, server)
        ports = free_port(), free_port()
        server.send(signal.SIGSTOP)
        clients = [scene.client(scene.service(serves(name)), server, "-p", port, "--state-file", state,
                                name=name.decode(), connected=False)
                   for name, port, state in ((b"one", ports[0], path), (b"other", ports[1], copy))]
        server.send(signal.SIGCONT)
        for client, port in zip(clients, ports):
            assert client.public_port() == port
        server.wait_for(COPY)
        eventually(lambda: sum(client.count(COPY) for client in clients) == 1, "one of them is told")
        for client in clients:
            if client.count(COPY):
                client.wait_for("error: .*copy(.*\n)*.*public address")
        assert answers(ports[0], 20) == {b"one"} and answers(ports[1], 20) == {b"other"}
        assert sum(client.count(COPY) for client in clients) == 1


def put_back(secret=()):
    """A restored file, alone: no word of a copy, and the port is there at once, though the attempt is an old one."""
    with Scene() as scene:
        server = scene.server(*secret)
        path, old = copied(scene, server, *secret)
        for _ in range(3):  # each leaves a thousand attempts behind
            client = scene.client(scene.echo_service(), server, "--state-file", path, *secret)
            client.end()
        client = scene.client(scene.echo_service(), server, "--state-file", path, *secret)
        port = client.public_port()
        for sig in (signal.SIGKILL, signal.SIGTERM):
            client.end(sig)
            shutil.copy(old, path)
            mark = server.mark()
            client = scene.client(scene.echo_service(), server, "--state-file", path, *secret, name="restored",
                                  connected=False)
            assert client.public_port() == port
            assert client.count("older than what the server knows") == (sig == signal.SIGKILL), "else there is no lease"
            assert server.count("copy", mark) == client.count("copy") == 0
            assert ask(visit(port), b"x") == b"x"


def keys_of_others():
    """A spare is for the control connection whose key it names: no instance, and no other key, opens it."""
    with Scene() as scene:
        server = scene.server()
        peers = []
        for _ in range(2):
            peer = scene.connect(server)
            mine = str(uuid.uuid4())
            peer.send({"Hello": 0}, {"Announce": {
                "version": 1, "instance": mine, "attempt": 1, "can": ["heartbeat", "lease", "spare", "key"],
                "process": str(uuid.uuid4())}})
            peer.public_port = peer.receive()["Hello"]
            peer.key = peer.receive_but_heartbeats()["Announce"]["key"]
            peer.instance = mine
            peers.append(peer)
        assert peers[0].key != peers[1].key
        for name in (peers[0].instance, str(uuid.uuid4())):
            spare = scene.connect(server)
            spare.send({"Spare": name})
            assert spare.ending() in ("end", "reset")
        spares = []
        for peer in peers:
            spare = scene.connect(server)
            spare.send({"Spare": peer.key})
            spares.append(spare)
        for peer, spare in zip(peers, spares):
            for _ in range(100):  # the spare may come to its place a little later than the visitor
                visitor = visit(peer.public_port)
                visitor.sendall(b"for me")
                if is_offered(spare, peer):
                    break
            else:
                raise AssertionError("no visitor came to the spare")
            spare.send("Taken")
            assert spare.raw(6) == b"for me"


def is_offered(spare, peer):
    """Whether the last visitor was given to the spare, and not to the control connection."""
    while True:
        peer.sock.settimeout(0.05)
        try:
            message = peer.receive()
        except TimeoutError:
            message = None
        peer.sock.settimeout(DEADLINE_S)
        if message and message != "Heartbeat":
            return False
        spare.sock.settimeout(0.05)
        try:
            return "Connection" in spare.receive()
        except TimeoutError:
            pass
        finally:
            spare.sock.settimeout(DEADLINE_S)


ports_of_their_own()
ports_of_their_own(("-s", "abc"))
same_port()
at_the_same_time()
put_back()
put_back(("-s", "abc"))
keys_of_others()
