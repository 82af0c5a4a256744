#!/usr/bin/env python3
"""Many strangers ask for a port on a server without a secret: its owner has it nevertheless, also after a restart of the
server. Who comes from where is told by the address on the loopback."""
import json
import signal
import socket
import uuid

from harness import DEADLINE_S, Peer, Scene, eventually

STRANGERS = 60  # 200 ms each were 12 s, of which the owner waits 2.2 s
STRANGER, OWNER, OWNER_LATER, OTHER = "127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.5"


def come(scene, server, address):
    peer = Peer(socket.create_connection(("127.0.0.1", server.control_port), DEADLINE_S, (address, 0)))
    scene.closables.append(peer)
    return peer


def announce(instance, attempt):
    return {"Announce": {"version": 1, "instance": instance, "attempt": attempt, "can": ["lease"]}}


def owner_of_a_port(scene, server, mine):
    peer = come(scene, server, OWNER)
    peer.send({"Hello": 0}, announce(mine, 1))
    peer.public_port = peer.receive()["Hello"]
    return peer


def knock(scene, server, port):
    """Strangers who do not say who they are ask for a port, and are not answered yet."""
    strangers = [come(scene, server, STRANGER) for _ in range(STRANGERS)]
    for stranger in strangers:
        stranger.send({"Hello": port})
    return strangers


def refusals(strangers):
    return {json.dumps(stranger.receive()) for stranger in strangers}


def owner_returns_first():
    """The owner is the last of all to ask."""
    with Scene(network=True) as scene:
        server = scene.server()
        mine = str(uuid.uuid4())
        owner = owner_of_a_port(scene, server, mine)
        port = owner.public_port
        owner.reset()
        for attempt in range(2, 7):
            server.wait_for_count("is kept for", attempt - 1)
            strangers = knock(scene, server, port)
            owner = come(scene, server, (OWNER, OWNER_LATER)[attempt % 2])
            owner.send({"Hello": port}, announce(mine, attempt))
            assert owner.receive() == {"Hello": port}
            assert refusals(strangers) == {'{"Error": "port already in use"}'}
            owner.reset()


def owner_is_remembered():
    """A server that was started again keeps the port for who had it."""
    with Scene(network=True) as scene:
        path = scene.folder + "/state"
        server = scene.server("--state-file", path)
        mine = str(uuid.uuid4())
        owner = owner_of_a_port(scene, server, mine)
        bore = come(scene, server, OTHER)  # is known by its address alone
        bore.send({"Hello": 0})
        ports = owner.public_port, bore.receive()["Hello"]

        def is_written():
            with open(path, encoding="utf-8") as file:
                content = file.read()
            return all(f'"{port}":' in content for port in ports) and content
        content = eventually(is_written, "the state file knows who has the ports")
        assert mine not in content and mine.replace("-", "") not in content and OWNER not in content
        server.end(signal.SIGKILL)
        server = scene.server("--state-file", path, name="server-again")
        strangers = knock(scene, server, ports[0]) + knock(scene, server, ports[1])
        assert refusals(strangers) == {'{"Error": "port already in use"}'}
        again = come(scene, server, OWNER_LATER)
        again.send({"Hello": ports[0]}, announce(mine, 2))
        assert again.receive() == {"Hello": ports[0]}
        again = come(scene, server, OTHER)
        again.send({"Hello": ports[1]})
        assert again.receive() == {"Hello": ports[1]}


def secret_is_enough():
    """Where there is a secret, who proves it may have the port of a client that is away, also after a restart."""
    with Scene(network=True) as scene:
        path = scene.folder + "/state"
        server = scene.server("--state-file", path, "-s", "abc")
        client = scene.client(scene.echo_service(), server, "-s", "abc")
        port = client.public_port()
        client.send(signal.SIGSTOP)
        server.end(signal.SIGTERM)
        server = scene.server("--state-file", path, "-s", "abc", name="server-again")
        other = scene.client(scene.echo_service(), server, "-s", "abc", "-p", port, name="other", connected=False)
        assert other.public_port() == port
        client.send(signal.SIGCONT)


owner_returns_first()
owner_is_remembered()
secret_is_enough()
