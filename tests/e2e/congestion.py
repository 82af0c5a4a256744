#!/usr/bin/env python3
"""A socket to this host gets a congestion control that does not pace, once much is written to it; one to another host
keeps what the administrator chose, and so does one that carries little."""
import os
import socket
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "faults"))

from faults import Stage, ask, public_port, skip  # noqa: E402

MUCH = bytes(range(256)) * 8192
UNPACED, PACED = "reno", "bbr"
NAME_BYTES = 16


def congestion(sock):
    return sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, NAME_BYTES).rstrip(b"\0").decode()


def by_peer(process):
    """Which congestion control its connections have, by the host at the other end."""
    socks = process.sockets()
    if not socks:
        skip("pidfd_getfd() is not allowed here")
    # A server that listens for both families shows an IPv4 peer as a mapped address
    found = [(sock.getpeername()[0].removeprefix("::ffff:"), congestion(sock)) for sock in socks]
    for sock in socks:
        sock.close()
    return sorted(found)


def carry_much(visitor):
    """There and back through the echo service."""
    thread = threading.Thread(target=visitor.sendall, args=(MUCH,), daemon=True)
    thread.start()
    got = bytearray()
    while len(got) < len(MUCH):
        got += visitor.recv(1 << 20)
    thread.join()
    assert got == MUCH


with Stage() as stage:
    hosts = stage.client_host, stage.server_host, stage.visitor_host
    try:
        for host in hosts:
            host.sysctl("ipv4.tcp_congestion_control", PACED)
    except OSError:
        skip(f"this kernel has no {PACED}")
    client_address, server_address, visitor_address = (host.address for host in hosts)
    service_port = stage.serve_echo()
    server = stage.serve()
    client = stage.join(service_port, "--spares", 0)
    port = public_port(client)

    with stage.visitor_host.connect(server_address, port) as visitor:
        assert ask(visitor, b"little") == b"little"
        assert by_peer(client) == [(server_address, PACED), (server_address, PACED), ("127.0.0.1", PACED)]
        carry_much(visitor)
        assert by_peer(client) == [(server_address, PACED), (server_address, PACED), ("127.0.0.1", UNPACED)]
        assert by_peer(server) == [(client_address, PACED), (client_address, PACED), (visitor_address, PACED)]

    # As a reverse proxy on the server's host does it, by any of its addresses
    for address in "127.0.0.1", server_address:
        with stage.server_host.connect(address, port) as visitor:
            carry_much(visitor)
            assert (address, UNPACED) in by_peer(server), by_peer(server)
            assert (client_address, UNPACED) not in by_peer(server), by_peer(server)
