#!/usr/bin/env python3
"""The server is stopped or away for long. Takes two minutes."""
import signal
import time

from faults import CONNECTED, LOST, PATIENCE, Probe, Stage, described, eventually, main, show, told, when, within


def sigstop_20_s():
    """Stopped for 20 s: the client looks again every 7.5 s at most, and nobody who came meanwhile is refused."""
    with Stage() as stage:
        tunnel = stage.tunnel()
        probe = Probe(stage, tunnel.port, 1, deadline_s=60)
        probe.wait_served(0)
        mark = tunnel.client.mark()
        start = time.time()
        tunnel.server.send(signal.SIGSTOP)
        time.sleep(20)
        tunnel.server.send(signal.SIGCONT)
        end = time.time()
        again = probe.wait_served(end) - end
        time.sleep(2)
        probe.stop()
        same = not tunnel.client.count("new public address", mark)
        told("server stopped for 20 s", when(tunnel.client, LOST, mark) - start, again, len(probe.unserved()), None,
             same)
        show((tunnel.client, mark), (tunnel.server, 0))
        assert same
        within(again, 9, "served again")
        assert not probe.unserved(), described(probe.unserved(), start)


def down(name, tell):
    """Away for 60 s: back within the delay in force, or at once when something tells the client."""
    with Stage() as stage:
        tunnel = stage.tunnel()
        mark = tunnel.client.mark()
        tunnel.server.end(signal.SIGKILL)
        time.sleep(60)
        server = stage.serve(name="server-again")
        end = time.time()
        if tell:
            tell(stage, tunnel)
        tunnel.client.wait_for(CONNECTED, mark, 80 * PATIENCE)
        again = when(tunnel.client, CONNECTED, mark) - end
        same = tunnel.client.public_port(mark) == tunnel.port
        told(name, None, again, None, None, same)
        show((tunnel.client, mark), (server, 0))
        assert same
        within(again, 1 if tell else 65, "connected again")


def down_60_s():
    down("server down for 60 s", None)


def down_60_s_sighup():
    down("server down for 60 s, SIGHUP", lambda stage, tunnel: tunnel.client.send(signal.SIGHUP))


def down_60_s_link_event():
    down("server down for 60 s, link event", lambda stage, tunnel: stage.client_host.ip(
        "addr add 10.0.1.55/24 dev eth0", "route replace default via 10.0.1.1 src 10.0.1.55"))


def address_replaced_bore_server():
    """A server of bore does not learn that the old address is gone: after 30 s of refusals another port, loudly."""
    with Stage() as stage:
        tunnel = stage.tunnel(server_kind="bore")
        mark = tunnel.client.mark()
        start = time.time()
        stage.client_host.ip("addr del 10.0.1.2/24 dev eth0", "addr add 10.0.1.77/24 dev eth0",
                             "route add default via 10.0.1.1")
        tunnel.client.wait_for("public address has changed", mark, 120 * PATIENCE)
        port = tunnel.client.public_port(mark)
        took = time.time() - start
        probe = Probe(stage, port)
        probe.wait_served(start)
        probe.stop()
        told("client's address replaced, bore server", when(tunnel.client, LOST, mark) - start, took, None, None,
             port == tunnel.port)
        show((tunnel.client, mark))
        assert took >= 30, took
        within(took, 100, "another port")


def lease_outlives_backoff():
    """A client that is away for less than its lease has its port and its visitors, whatever its backoff says."""
    with Stage() as stage:
        tunnel = stage.tunnel(("--lease", 40, "--hold", 40))
        server_mark, mark = tunnel.server.mark(), tunnel.client.mark()
        stage.path.drop()
        tunnel.server.wait_for("is kept for", server_mark)
        visitor = stage.visit(tunnel.port)
        visitor.sendall(b"patient")
        time.sleep(22)
        stage.path.mend()
        end = time.time()
        visitor.settimeout(40 * PATIENCE)
        got = visitor.recv(100)
        told("path dropped for 30 s, a visitor waits", None, time.time() - end, int(got != b"patient"))
        show((tunnel.client, mark))
        assert got == b"patient"
        eventually(lambda: tunnel.client.count("same public address|taken its place", mark), "the same port")
        within(time.time() - end, 14, "served")


main(down_60_s, down_60_s_sighup, down_60_s_link_event, address_replaced_bore_server, sigstop_20_s,
     lease_outlives_backoff)
