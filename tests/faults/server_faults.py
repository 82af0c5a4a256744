#!/usr/bin/env python3
"""The server fails: killed, stopped, restarted otherwise, with its client; its clients come back by themselves."""
import signal
import time

from faults import (CONNECTED, LOST, Probe, Stage, described, main, parallel, public_port, show, told, when, within)


def restarted(name, sig, server_kind="rebore", client_kind="rebore", down_s=0.0, most_again=3.0, options=()):
    """The server ends and is started again: the same port, nobody refused once the client is back."""
    with Stage() as stage:
        tunnel = stage.tunnel(options, server_kind=server_kind, client_kind=client_kind)
        probe = Probe(stage, tunnel.port)
        probe.wait_served(0)
        mark = tunnel.client.mark()
        start = time.time()
        status = tunnel.server.end(sig)
        time.sleep(down_s)
        server = stage.serve(*options, kind=server_kind, name="server-again")
        end = time.time()
        again_at = probe.wait_served(end)
        time.sleep(1)
        probe.stop()
        noticed = when(tunnel.client, LOST, mark) - start
        back = when(tunnel.client, CONNECTED, mark)
        same = bool(tunnel.client.count(r"same public address", mark))
        refused = probe.unserved(after=back)
        told(name, noticed, again_at - end, len(refused), None, same,
             f"{len(probe.unserved())} refused while there was no server or client")
        show((tunnel.client, mark), (tunnel.server, 0), (server, 0))
        assert status == (0 if sig == signal.SIGTERM else -sig), status
        assert same
        within(noticed, 1, "noticed")
        within(again_at - end, most_again, "served again")
        assert not refused, described(refused, start)


def sigkill():
    restarted("server killed and restarted", signal.SIGKILL)


def sigterm():
    """Its Bye asks the client to be back in a second."""
    restarted("server stopped and restarted", signal.SIGTERM)


def sigkill_down_3_s():
    restarted("server killed, down for 3 s", signal.SIGKILL, down_s=3, most_again=6)


def bore_sigkill():
    restarted("bore server killed and restarted", signal.SIGKILL, server_kind="bore")


def stopped(name, seconds, most_again, server_kind="rebore", options=(), interval_s=0.1, after_stop=()):
    """The server is stopped by SIGSTOP and goes on: nobody who came meanwhile is refused."""
    with Stage() as stage:
        tunnel = stage.tunnel(options, server_kind=server_kind)
        probe = Probe(stage, tunnel.port, interval_s, deadline_s=60)
        probe.wait_served(0)
        mark = tunnel.client.mark()
        start = time.time()
        tunnel.server.send(signal.SIGSTOP)
        time.sleep(seconds)
        tunnel.server.send(signal.SIGCONT)
        end = time.time()
        again = probe.wait_served(end) - end
        time.sleep(2)
        probe.stop()
        losses = tunnel.client.count(r"connection lost", mark)
        same = not tunnel.client.count("new public address", mark)
        unserved = probe.unserved()
        noticed = when(tunnel.client, LOST, mark) - start if losses else None
        told(name, noticed, again, len(unserved), None, same)
        show((tunnel.client, mark), (tunnel.server, 0))
        assert same
        within(again, most_again, "served again")
        assert not unserved, described(unserved, start)


def sigstop_3_s():
    stopped("server stopped for 3 s", 3, 2)


def sigstop_12_s():
    stopped("server stopped for 12 s", 12, 9, interval_s=0.4)


def bore_sigstop_3_s():
    stopped("bore server stopped for 3 s", 3, 2, server_kind="bore")


def other_secret():
    """A client whose secret is no longer right ends with 77, and does not hammer the server."""
    for server_secret, client_secret, text in ((("-s", "old"), ("-s", "old"), "invalid secret"),
                                               ((), (), "requires a secret")):
        with Stage() as stage:
            tunnel = stage.tunnel(server_secret, client_secret)
            start = time.time()
            tunnel.server.end(signal.SIGKILL)
            stage.serve("-s", "new", name="server-again")
            status = tunnel.client.status()
            told(f"server restarted with another secret ({text})", time.time() - start,
                 more=f"client's status {status}")
            assert status == 77, status
            assert tunnel.client.count(text) >= 1
            show((tunnel.client, 0))


def no_secret_any_more():
    """Silence is no evidence: the client stays, says what the server told it, and returns once it is mended."""
    with Stage() as stage:
        tunnel = stage.tunnel(("-s", "old"), ("-s", "old"))
        mark = tunnel.client.mark()
        tunnel.server.end(signal.SIGKILL)
        other = stage.serve(name="server-open")
        tunnel.client.wait_for("this server has no secret", mark)
        other.end(signal.SIGKILL)
        stage.serve("-s", "old", name="server-again")
        end = time.time()
        same = tunnel.client.public_port(mark) == tunnel.port
        told("server restarted without its secret, then with it", again=time.time() - end, same_port=same)
        show((tunnel.client, mark))
        assert same


def range_changed():
    """A port that the server does not give any more: who asked for it ends, who takes any gets another, loudly."""
    with Stage() as stage:
        service_port = stage.serve_echo()
        server = stage.serve("--min-port", 2000, "--max-port", 2010)
        asks = stage.join(service_port, "--port", 2005, name="asks")
        takes_any = stage.join(service_port, name="takes-any")
        old = takes_any.public_port()
        mark = takes_any.mark()
        start = time.time()
        server.end(signal.SIGKILL)
        stage.serve("--min-port", 3000, "--max-port", 3010, name="server-again")
        end = time.time()
        status = asks.status()
        new = takes_any.public_port(mark)
        back = when(takes_any, CONNECTED, mark)
        told("port range changed", when(takes_any, LOST, mark) - start, back - end, same_port=new == old,
             more=f"status of who asked for the port {status}")
        show((asks, 0), (takes_any, mark))
        assert status == 78, status
        assert 3000 <= new <= 3010, new
        takes_any.wait_for(rf"warning.*the public address has changed: it was \S+:{old}, it is \S+:{new}")
        probe = Probe(stage, new)
        probe.wait_served(end)
        probe.stop()
        within(back - end, 8, "connected again")


def news(name, tell):
    """The client waits out its backoff while the server is back: told of it, it returns at once."""
    with Stage() as stage:
        tunnel = stage.tunnel(client_options=("-v",))
        mark = tunnel.client.mark()
        tunnel.server.end(signal.SIGKILL)
        # The third delay is 4 s, the fourth 7.5 s at most: a quarter of the lease
        tunnel.client.wait_for(r"trying again in [3-9]\.\d s", mark)
        stage.serve(name="server-again")
        end = time.time()
        tell(stage, tunnel)
        same = tunnel.client.public_port(mark) == tunnel.port
        again = when(tunnel.client, CONNECTED, mark) - end
        told(name, None, again, None, None, same)
        show((tunnel.client, mark))
        assert same
        within(again, 1, "connected again")


def sighup():
    news("server back, SIGHUP", lambda stage, tunnel: tunnel.client.send(signal.SIGHUP))


def link_event():
    news("server back, link event", lambda stage, tunnel: stage.client_host.ip(
        "addr add 10.0.1.55/24 dev eth0", "route replace default via 10.0.1.1 src 10.0.1.55"))


def bore_client_server_killed():
    """A client of bore ends with its server; its shell loop brings it back to the same port of ours."""
    with Stage() as stage:
        tunnel = stage.tunnel(client_kind="bore")
        tunnel.server.end(signal.SIGKILL)
        status = tunnel.client.status()
        stage.serve(name="server-again")
        again = stage.join(tunnel.service_port, "--port", tunnel.port, kind="bore", name="client-again")
        told("server of a bore client killed", same_port=public_port(again) == tunnel.port,
             more=f"the client ended with {status}")


def both_at_once():
    """Server and client are killed together and started again: the state file brings the port back."""
    with Stage() as stage:
        state = stage.folder + "/client.state"
        tunnel = stage.tunnel(client_options=("--state-file", state))
        start = time.time()
        parallel(lambda: tunnel.server.end(signal.SIGKILL), lambda: tunnel.client.end(signal.SIGKILL))
        probe = Probe(stage, tunnel.port)
        client = stage.join(tunnel.service_port, "--state-file", state, connected=False, name="client-again")
        stage.serve(name="server-again")
        end = time.time()
        same = client.public_port() == tunnel.port
        again_at = probe.wait_served(end)
        time.sleep(0.5)
        probe.stop()
        refused = probe.unserved(after=again_at)
        told("both killed and restarted", None, again_at - end, len(refused), None, same)
        show((client, 0))
        assert same
        within(again_at - end, 3, "served again")
        assert not refused, described(refused, start)


main(sigkill, sigterm, sigkill_down_3_s, bore_sigkill, sigstop_3_s, sigstop_12_s, bore_sigstop_3_s, other_secret,
     no_secret_any_more, range_changed, sighup, link_event, bore_client_server_killed,
     both_at_once)
