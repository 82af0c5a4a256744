#!/usr/bin/env python3
"""Who may have a port, and what becomes of visitors who wait, told by clients that are written by hand."""
import re
import shutil
import signal
import socket
import struct
import time
import uuid

from faults import (CONTROL_PORT, Peer, Stage, answer, eventually, main, parallel, peer_announce, reset, show, told,
                    within)


def instance():
    return str(uuid.uuid4())


def refused_visit(stage, port):
    """Whether nobody listens at a public port."""
    try:
        stage.visitor_host.connect(stage.server_host.address, port).close()
        return False
    except ConnectionRefusedError:
        return True
    except ConnectionResetError:  # it is just being closed
        return False


def lease_expires():
    """The port of a lost client is kept for its lease, then it is free."""
    with Stage("other") as stage:
        stage.serve("--lease", 2)
        peer = stage.hello(announce=peer_announce(instance(), 1))
        assert peer.receive_but_heartbeats()["Announce"]["lease_ms"] == 2000
        port = peer.public_port
        start = time.time()
        peer.reset()
        stranger = stage.hello(port, host=stage.hosts["other"])
        assert stranger.refusal == "port already in use", stranger.refusal
        assert not refused_visit(stage, port)
        eventually(lambda: refused_visit(stage, port), "the port is free")
        free = time.time() - start
        stranger = stage.hello(port, host=stage.hosts["other"])
        assert stranger.public_port == port, stranger.refusal
        told("lease expires", more=f"port free after {free:.2f} s of a lease of 2 s")
        assert 1.9 <= free, free
        within(free, 3, "the port is free")


def no_lease():
    """--lease 0: the port is free at once."""
    with Stage("other") as stage:
        stage.serve("--lease", 0)
        peer = stage.hello(announce=peer_announce(instance(), 1))
        assert "lease" not in peer.receive_but_heartbeats()["Announce"]["can"]
        start = time.time()
        peer.reset()
        eventually(lambda: refused_visit(stage, peer.public_port), "the port is free")
        told("no lease", more=f"port free after {time.time() - start:.2f} s")
        within(time.time() - start, 1, "the port is free")


def holder_is_safe():
    """A living holder is displaced by nobody but its own instance, with a higher number."""
    with Stage("other") as stage:
        for secret in ((), ("-s", "abc")):
            server = stage.serve(*secret)
            mine = instance()
            peer = say_hello(stage, 0, mine, 5, secret)
            port = peer.public_port
            peer.receive_but_heartbeats()
            for who, attempt, what, host in (
                    (instance(), 9, "another instance, same address", None),
                    (instance(), 9, "another instance, other address", "other"),
                    (mine, 4, "lower attempt", None), (mine, 5, "equal attempt", None),
                    (mine, 1, "much lower attempt, other address", "other"),
                    (None, 0, "a client of bore", None)):
                rival = say_hello(stage, port, who, attempt, secret, host)
                assert rival.refusal == "port already in use", (what, rival.refusal, rival.public_port)
                assert peer.receive() == "Heartbeat", what
            newer = say_hello(stage, port, mine, 6, secret, "other")
            assert newer.public_port == port
            assert peer.receive_but_heartbeats() == {"Bye": {"displaced": True}}
            assert peer.ending() == "end"
            delayed = say_hello(stage, port, mine, 5, secret)
            assert delayed.refusal == "port already in use", delayed.public_port
            server.end()
    told("a live holder is safe", more="from other instances, lower and equal attempts, clients of bore")


def say_hello(stage, port, who, attempt, secret=(), host=None):
    """A client by hand, with a secret where one is given."""
    peer = Peer((stage.hosts[host] if host else stage.client_host).connect(stage.server_host.address, CONTROL_PORT))
    stage.closables.append(peer)
    messages = [{"Hello": port}] + ([{"Announce": peer_announce(who, attempt)}] if who else [])
    if secret:
        messages.insert(0, answer(secret[1], peer.receive()["Challenge"]))
    peer.send(*messages)
    said = peer.receive()
    peer.public_port, peer.refusal = said.get("Hello"), said.get("Error")
    return peer


def attempts_out_of_order():
    """Many attempts of one instance at the same time: the highest has the port, whatever order they came in."""
    with Stage() as stage:
        server = stage.serve()
        for turn in range(5):
            mine = instance()
            first = say_hello(stage, 0, mine, 1)
            port = first.public_port
            server.send(signal.SIGSTOP)
            peers = {}
            for attempt in (7, 3, 9, 2, 8, 4):
                peers[attempt] = stage.knock()
                peers[attempt].send({"Hello": port}, {"Announce": peer_announce(mine, attempt)})
            server.send(signal.SIGCONT)
            answers = {}

            def hear(attempt):
                try:
                    answers[attempt] = peers[attempt].receive()
                except (EOFError, ConnectionError):
                    answers[attempt] = "closed without a word"

            parallel(*[lambda attempt=attempt: hear(attempt) for attempt in peers])
            told(f"attempts out of order, turn {turn}", more=f"answers {answers}")
            assert answers[9] == {"Hello": port}, answers
            got = [peers[9].receive() for _ in range(4)]
            assert got.count("Heartbeat") >= 2 and not any("Bye" in message for message in got), got


def lower_attempt_while_gone():
    """Also on lease a delayed attempt of the same instance does not get the port: it would be gone at once."""
    with Stage() as stage:
        server = stage.serve()
        mine = instance()
        peer = say_hello(stage, 0, mine, 5)
        port = peer.public_port
        peer.reset()
        server.wait_for("is kept for")
        assert say_hello(stage, port, mine, 5).refusal == "port already in use"
        assert say_hello(stage, port, mine, 4).refusal == "port already in use"
        newer = say_hello(stage, port, mine, 6)
        assert newer.public_port == port, newer.refusal
        told("lower attempt during a lease", more="refused; a higher one has the port at once")


def late_announce():
    """An Announce within 3 s of Hello counts, a later one does not; a client of bore has neither lease nor Bye."""
    with Stage("other") as stage:
        server = stage.serve()
        early = stage.hello()
        time.sleep(1)
        early.send({"Announce": peer_announce(instance(), 1)})
        assert "Announce" in early.receive_but_heartbeats()
        late = stage.hello()
        time.sleep(3.3)
        late.send({"Announce": peer_announce(instance(), 1)})
        ports = [early.public_port, late.public_port]
        mark = server.mark()
        early.reset()
        late.reset()
        server.wait_for(f"port {ports[0]} is kept", mark)
        server.wait_for(f"port {ports[1]} is free", mark)
        told("late announce", more="counts within 3 s, not later")


def bye_frees_the_port():
    """A Bye ends a lease before it begins; who waits is reset."""
    with Stage("other") as stage:
        stage.serve()
        peer = stage.hello(announce=peer_announce(instance(), 1))
        assert "Announce" in peer.receive_but_heartbeats()
        visitor = stage.visit(peer.public_port)
        assert "Connection" in peer.receive_but_heartbeats()
        start = time.time()
        peer.send("Bye")
        assert Peer(visitor).ending() == "reset"
        stranger = stage.hello(peer.public_port, host=stage.hosts["other"])
        told("Bye of a client", more=f"port free, visitor reset after {time.time() - start:.2f} s")
        assert stranger.public_port == peer.public_port, stranger.refusal
        within(time.time() - start, 1, "free")


def waiting_room():
    """At most --max-waiting wait, the oldest, for --hold seconds; nobody counts while a client is attached."""
    with Stage() as stage:
        server = stage.serve("--max-waiting", 3, "--hold", 4, "--lease", 20)
        mine = instance()
        peer = stage.hello(announce=peer_announce(mine, 1))
        port = peer.public_port
        peer.receive_but_heartbeats()
        peer.reset()
        server.wait_for("is kept for 20 s")
        start = time.time()
        visitors = [stage.visit(port) for _ in range(3)]
        begun = time.time()
        try:
            assert Peer(stage.visit(port)).ending() == "reset"
        except ConnectionResetError:
            pass  # so soon
        within(time.time() - begun, 0.5, "one too many is reset")
        held = []
        for visitor in visitors:
            assert Peer(visitor).ending() == "reset"
            held.append(time.time() - start)
        told("waiting room", more=f"--max-waiting 3: the fourth reset at once; --hold 4: reset after {held[0]:.2f} s")
        assert held[0] >= 3.9, held
        within(held[-1], 5, "held")
        # Room again; and who comes while a client is there is not counted
        visitors = [stage.visit(port) for _ in range(2)]
        peer = say_hello(stage, port, mine, 2)
        names = [message["Connection"] for message in but_heartbeats(peer, 3) if "Connection" in message]
        assert len(names) == 2, names
        more = [stage.visit(port) for _ in range(6)]
        assert len({message["Connection"] for message in but_heartbeats(peer, 6)}) == 6
        assert all(visitor.fileno() != -1 for visitor in more)


def but_heartbeats(peer, count):
    return [peer.receive_but_heartbeats() for _ in range(count)]


def accept(stage, name, host=None):
    data = stage.knock(host)
    data.send({"Accept": name})
    return data


def visitors_of_a_lost_client():
    """Who resets while it waits is dropped, who only ended its sending side is served; in order, same names."""
    with Stage() as stage:
        server = stage.serve()
        mine = instance()
        peer = stage.hello(announce=peer_announce(mine, 1))
        port = peer.public_port
        peer.receive_but_heartbeats()
        early = stage.visit(port)
        early.sendall(b"early")
        name_of_early = peer.receive_but_heartbeats()["Connection"]
        peer.reset()
        server.wait_for("is kept for")
        before = server.descriptors()
        gone, half, whole = (stage.visit(port) for _ in range(3))
        gone.sendall(b"gone")
        half.sendall(b"half")
        half.shutdown(socket.SHUT_WR)
        whole.sendall(b"whole")
        eventually(lambda: server.descriptors() >= before + 3, "all three wait")
        reset(gone)
        server.wait_for("it left while it waited")
        peer = say_hello(stage, port, mine, 2)
        assert "Announce" in peer.receive_but_heartbeats()
        names = [message["Connection"] for message in but_heartbeats(peer, 3)]
        assert names[0] == name_of_early, "another name for the same visitor"
        for name, said, visitor in zip(names, (b"early", b"half", b"whole"), (early, half, whole)):
            data = accept(stage, name)
            assert data.raw(len(said)) == said
            if visitor is half:
                assert data.all() == b""
            data.send(b"answer")
            data.close()
            assert Peer(visitor).all() == b"answer"
        again = accept(stage, names[0])
        assert again.ending() in ("end", "reset")
        told("visitors of a lost client", refused=0,
             more="one that reset dropped, one that half-closed served, in order, same names, each given away once")


def exactly_once():
    """Visitors who wait when control breaks are served once: each says its number, the service counts."""
    with Stage() as stage:
        counts, connections = {}, [0]

        def count(conn):
            connections[0] += 1
            data = b""
            while len(data) < 4 and (got := conn.recv(4 - len(data))):
                data += got
            if len(data) == 4:
                number = struct.unpack("!I", data)[0]
                counts[number] = counts.get(number, 0) + 1
                conn.sendall(data)

        service_port = stage.client_host.do(stage.service, count)
        server = stage.serve()
        client = stage.join(service_port)
        port = client.public_port()
        served = []

        def come(number):
            with stage.visit(port) as visitor:
                visitor.sendall(struct.pack("!I", number))
                served.append(ask_back(visitor) == struct.pack("!I", number))

        def break_control():
            for turn in range(6):
                time.sleep(0.4)
                if turn % 2:
                    server.send(signal.SIGSTOP)
                    time.sleep(2)
                    server.send(signal.SIGCONT)
                else:
                    cut_control(client, server)

        def come_all(first):
            for number in range(first, first + 40):
                come(number)
                time.sleep(0.05)

        parallel(break_control, *[lambda first=first: come_all(first) for first in range(0, 400, 40)])
        twice = {number: count for number, count in counts.items() if count != 1}
        told("visitors are served exactly once", refused=400 - sum(served),
             more=f"{len(counts)} of 400 came, twice: {len(twice)}, {connections[0]} connections at the service")
        assert not twice, twice
        assert connections[0] <= 400 + 2, connections


def copied_state_file():
    """Of two clients with one instance id the later takes another: both ends say so, and the port stays with the first."""
    with Stage("other") as stage:
        path = stage.folder + "/state"
        server = stage.serve()
        service_port = stage.serve_echo()
        stage.join(service_port, "--state-file", path, name="first").end()
        shutil.copy(path, path + ".copy")
        one = stage.join(service_port, "--state-file", path, name="one")
        other = stage.join(stage.serve_echo(stage.hosts["other"]), "--state-file", path + ".copy",
                           host=stage.hosts["other"], name="other", connected=False)
        other.wait_for("error: .*state file is a copy")
        server.wait_for("error: .*is a copy")
        assert other.public_port() != one.public_port()
        told("copied state file", more="the later one has another port")
        show((one, 0), (other, 0))
        assert server.count("in place of") == 0 and one.count("error:") == one.count("connection lost") == 0


def taken_while_silent():
    """Who loses its port by silence, to another client with the secret, is told that; it asks again, and has it back."""
    with Stage("other") as stage:
        secret = ("-s", "abc")
        server = stage.serve(*secret)
        client = stage.join(stage.serve_echo(), *secret)
        port = client.public_port()
        stage.path.drop()
        server_port = re.search(r"client (\S+) has port", server.log())[1]
        taker = None

        def take():  # until the silence is long enough to be the end
            nonlocal taker
            taker = say_hello(stage, port, instance(), 1, secret, "other")
            return taker.public_port == port

        eventually(take, "the port is taken")
        stage.path.mend()
        told_ = client.wait_for(r"warning: .*another client took the port after .* not heard us for ([0-9.]+) s")
        told("port taken while silent", more=f"the owner is told of {told_[1]} s of silence")
        assert float(told_[1]) >= 1.9, told_[1]
        assert client.count("copy") == 0 and client.count("error:") == 0
        server.wait_for(f"has port {port}, in place of {server_port}, another client that was silent for")
        client.wait_for("port already in use")
        mark = client.mark()
        taker.send("Bye")
        client.wait_for("same public address", mark)


def cut_control(client, server):
    """Shuts the control connection alone, by a copy of the client's descriptor."""
    port = int(re.findall(r"client \S+:(\d+) has port", server.log())[-1])
    for sock in client.sockets():
        if sock.getsockname()[1] == port:
            sock.shutdown(socket.SHUT_RDWR)
        sock.close()


def ask_back(conn):
    data = b""
    try:
        while len(data) < 4 and (got := conn.recv(4)):
            data += got
    except ConnectionError:
        pass
    return data


main(lease_expires, no_lease, holder_is_safe, attempts_out_of_order, lower_attempt_while_gone,
     late_announce, bye_frees_the_port, waiting_room, visitors_of_a_lost_client, exactly_once,
     copied_state_file, taken_while_silent)
