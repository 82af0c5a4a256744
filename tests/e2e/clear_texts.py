#!/usr/bin/env python3
"""Log lines that say what to do: a visitor has one name in both logs, all addresses that refuse are named, and a
server of another kind, or a service that is the tunnel's own public port, is recognised."""
import socket

from harness import Scene, ask, ending_of_visit, free_port, visit


def one_name_in_both_logs(scene, server):
    client = scene.client(scene.echo_service(), server, name="named")
    with visit(client.public_port()) as visitor:
        assert ask(visitor, b"x") == b"x"
        address = "%s:%d" % visitor.getsockname()[:2]
    name = client.wait_for(r"visitor ([0-9a-f]{8}) to ")[1]
    server.wait_for(rf"visitor {name} from {address} on port {client.public_port()}: ")
    client.end()


def all_that_refuse_are_named(scene, server):
    port = free_port()
    client = scene.client(port, server, name="refused")
    assert ending_of_visit(client.public_port()) == "reset"
    named = client.wait_for(r"cannot reach the local service at (.*)")[1]
    for *_, address in socket.getaddrinfo("localhost", port, type=socket.SOCK_STREAM):
        shown = f"[{address[0]}]:{port}" if ":" in address[0] else f"{address[0]}:{port}"
        assert shown in named, (shown, named)
    client.end()


def the_own_public_port_is_noticed(scene, server):
    """The service is the public port: found out with the first visitor, which goes round until it leaves."""
    port = free_port()
    client = scene.client(port, server, "--port", port, name="loop")
    with visit(client.public_port()):
        client.wait_for(rf"warning: the local service \S+:{port} seems to be the tunnel's own public port")
        client.end()
    assert client.count("own public port") == 1


def another_kind_of_server(scene):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        client = scene.client(1, port, connected=False, name="astray")
        for said, expected in (
                (b"HTTP/1.1 400 Bad Request\r\n\r\n", r"a web server answers there"),
                (b"SSH-2.0-OpenSSH_9.2\r\n", r"an SSH server answers there")):
            conn = listener.accept()[0]
            conn.sendall(said)
            conn.shutdown(socket.SHUT_WR)
            client.wait_for(expected)
        conn = listener.accept()[0]
        client.wait_for(r"no answer in 3 s; if this goes on, it may be no rebore server: check the host and the port")
        client.end()


def one_attempt(scene):
    client = scene.client(1, free_port(), "--max-retries", "1", connected=False, name="once")
    assert client.status() == 75
    client.wait_for(r"giving up after 1 failed attempt\n")
    client = scene.client(1, free_port(), "--max-retries", "2", connected=False, name="twice")
    assert client.status() == 75
    client.wait_for(r"giving up after 2 failed attempts in a row\n")


with Scene() as scene:
    server = scene.server()
    one_name_in_both_logs(scene, server)
    all_that_refuse_are_named(scene, server)
    the_own_public_port_is_noticed(scene, server)
    another_kind_of_server(scene)
    one_attempt(scene)
