#!/usr/bin/env python3
"""A TCP proxy before the server stays up while the server behind it dies, and answers in its name."""
import signal
import time

from faults import (CONNECTED, CONTROL_PORT, LOST, Probe, Stage, described, eventually, main, need, show, told, when,
                    within)


def start_socat(stage):
    socat = need("socat")
    return stage.start("socat", socat, "-d", "-d", f"TCP-LISTEN:{CONTROL_PORT},fork,reuseaddr",
                       f"TCP:{stage.server_host.address}:{CONTROL_PORT}")


def start_haproxy(stage):
    haproxy = need("haproxy")
    config = stage.file("haproxy.cfg", f"""
defaults
  mode tcp
  timeout connect 2s
  timeout client 1h
  timeout server 1h
listen tunnel
  bind 0.0.0.0:{CONTROL_PORT}
  server one {stage.server_host.address}:{CONTROL_PORT}
""")
    return stage.start("haproxy", haproxy, "-f", config, "-db")


def connected_to_proxy(stage, start, options=(), server_options=()):
    """The client reaches the server through a proxy on the router."""
    service_port = stage.serve_echo()
    server = stage.serve(*server_options)
    proxy = start(stage)
    eventually(lambda: reachable(stage), "the proxy listens")
    client = stage.join(service_port, *options, to="10.0.1.1")
    return server, proxy, client


def reachable(stage):
    try:
        stage.client_host.connect("10.0.1.1", CONTROL_PORT).close()
        return True
    except ConnectionRefusedError:
        return False


def server_dies(name, start_proxy, secret=()):
    with Stage() as stage:
        server, proxy, client = connected_to_proxy(stage, start_proxy, secret, secret)
        port = client.public_port()
        probe = Probe(stage, port)
        probe.wait_served(0)
        mark = client.mark()
        start = time.time()
        server.end(signal.SIGKILL)
        time.sleep(2)  # the proxy accepts, and hangs up: no evidence of anything
        assert client.is_running(), client.log()
        server = stage.serve(*secret, name="server-again")
        end = time.time()
        again_at = probe.wait_served(end)
        time.sleep(0.5)
        probe.stop()
        same = client.public_port(mark) == port
        back = when(client, CONNECTED, mark)
        refused = probe.unserved(after=back)
        told(name, when(client, LOST, mark) - start, again_at - end, len(refused), None, same)
        show((client, mark), (server, 0))
        assert same and proxy.is_running()
        within(again_at - end, 5, "served again")
        assert not refused, described(refused, start)


def socat_server_dies():
    server_dies("server behind socat killed", start_socat)


def haproxy_server_dies():
    server_dies("server behind HAProxy killed", start_haproxy)


def haproxy_server_dies_with_secret():
    server_dies("server behind HAProxy killed, with a secret", start_haproxy, ("-s", "abc"))


def client_gone_behind_proxy(name, start_proxy):
    """The proxy acknowledges in the client's name, so only the client's heartbeats tell that it is gone: 8 s."""
    with Stage("other") as stage:
        server, _, client = connected_to_proxy(stage, start_proxy)
        mark = server.mark()
        start = time.time()
        client.send(signal.SIGSTOP)
        noticed = eventually(lambda: server.count("is gone", mark), "the server notices") and time.time() - start
        told(name, noticed)
        show((server, mark))
        within(noticed, 9, "noticed")
        assert noticed >= 5.5
        client.send(signal.SIGCONT)
        client.wait_for("same public address")


def socat_client_gone():
    client_gone_behind_proxy("client before socat silent", start_socat)


def haproxy_client_gone():
    client_gone_behind_proxy("client before HAProxy silent", start_haproxy)


def server_stopped_behind_haproxy():
    """The server is stopped for 3 s; the proxy takes connections in its name. Nobody is refused."""
    with Stage() as stage:
        server, _, client = connected_to_proxy(stage, start_haproxy)
        probe = Probe(stage, client.public_port(), deadline_s=60)
        probe.wait_served(0)
        mark = client.mark()
        start = time.time()
        server.send(signal.SIGSTOP)
        time.sleep(3)
        server.send(signal.SIGCONT)
        end = time.time()
        again = probe.wait_served(end) - end
        time.sleep(1)
        probe.stop()
        told("server behind HAProxy stopped for 3 s", None, again, len(probe.unserved()), None, True)
        show((client, mark), (server, 0))
        within(again, 2, "served again")
        assert not probe.unserved(), described(probe.unserved(), start)


main(socat_client_gone, haproxy_client_gone, socat_server_dies, haproxy_server_dies, haproxy_server_dies_with_secret,
     server_stopped_behind_haproxy)
