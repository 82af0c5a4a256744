#!/usr/bin/env python3
"""Every socket has TCP_NODELAY and the keepalive of its kind: 30 s, 10 s, 3 on control, 25 s, 15 s, 4 on both proxied, or as --keepalive says."""
import socket

from harness import Scene, ask, eventually, skip, visit

TCP_RTO_MAX_MS = 44  # linux/tcp.h

CONTROL, PROXIED = (30, 10, 3), (25, 15, 4)


def keepalive(sock):
    assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1, sock
    return tuple(sock.getsockopt(socket.IPPROTO_TCP, option)
                 for option in (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT))


def has_keepalive(client):
    """Wait until it has: keepalive of the service's socket is set when it pauses for the first time."""
    eventually(lambda: all(sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) for sock in client.sockets()),
               "every socket of the client has keepalive")


def check_retransmission(sock):
    try:
        longest_ms = sock.getsockopt(socket.IPPROTO_TCP, TCP_RTO_MAX_MS)
    except OSError:
        return  # an older kernel
    assert longest_ms >= 4000, longest_ms


def check(process, port_of_control, expected):
    """expected: how many connections there are of each kind; control connections have port_of_control at one end, and
    so has a data connection, which is told from it by its keepalive."""
    socks = process.sockets()
    found = sorted(keepalive(sock) for sock in socks)
    assert found == sorted(expected), (process.name, found)
    for sock in socks:
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1, sock
        if keepalive(sock) == PROXIED:
            # It would end a visitor that lives and pauses its reading
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 0, sock
        else:
            assert port_of_control in (sock.getsockname()[1], sock.getpeername()[1])
            # This client sends heartbeats: its own silence counts, not that of TCP, whose clock starts at the first
            # retransmission, though everything may arrive, but late
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 0
            if process is server:
                check_retransmission(sock)
        sock.close()


with Scene() as scene:
    server = scene.server()
    client = scene.client(scene.echo_service(), server, "--spares", 0)
    if not client.sockets():
        skip("pidfd_getfd() is not allowed here")
    with visit(client.public_port()) as visitor:
        assert ask(visitor, b"x") == b"x"
        has_keepalive(client)
        # control; data and local, data and visitor
        check(client, server.control_port, [CONTROL, PROXIED, PROXIED])
        check(server, server.control_port, [CONTROL, PROXIED, PROXIED])

    # One that does not: with the server's heartbeats in flight keepalive says nothing
    scene.hello(server)
    assert sorted(sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)
                  for sock in server.sockets() if keepalive(sock) == CONTROL) == [0, 15000]

    # A spare is a proxied connection that has no visitor yet
    client = scene.client(scene.echo_service(), server, name="client-with-spares")
    with visit(client.public_port()) as visitor:
        assert ask(visitor, b"x") == b"x"
        has_keepalive(client)
        kinds = [keepalive(sock) for sock in client.sockets()]
        assert kinds.count(CONTROL) == 1 and kinds.count(PROXIED) >= 3, kinds

    # Before a NAT forgets: all that may be idle for long. The listener of the server has it for those it accepts
    server = scene.server("--keepalive", 3, name="server-keepalive")
    client = scene.client(scene.echo_service(), server, "--keepalive", 20, name="client-keepalive")
    with visit(client.public_port()) as visitor:
        assert ask(visitor, b"x") == b"x"
        has_keepalive(client)
        for process, expected in ((server, (3, 3, 4)), (client, (20, 15, 4))):
            kinds = [keepalive(sock) for sock in process.sockets()]
            assert kinds.count(CONTROL) == 1 and kinds.count(expected) == len(kinds) - 1 >= 3, (process.name, kinds)
