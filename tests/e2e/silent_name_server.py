#!/usr/bin/env python3
"""While a name server is silent, SIGTERM and SIGINT still end the client in under a second, and it says what is wrong."""
import signal
import socket

from harness import DEADLINE_S, OWN_MOUNTS, Scene, Took, need, parallel, within

need("mount")
with Scene(network=True) as scene:
    # A name server that hears and does not answer
    hole = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    hole.bind(("127.0.0.1", 53))
    hole.settimeout(DEADLINE_S)
    resolv = scene.file("resolv.conf", "nameserver 127.0.0.1\noptions timeout:30 attempts:3\n", 0o644)
    nsswitch = scene.file("nsswitch.conf", "hosts: dns\n", 0o644)
    silent = [*OWN_MOUNTS, "sh", "-c", f"mount --bind {resolv} /etc/resolv.conf &&"
              f" mount --bind {nsswitch} /etc/nsswitch.conf && exec \"$@\"", "sh"]

    def asks(*arguments, name):
        client = scene.rebore("local", *arguments, launcher=silent, name=name)
        return client

    def ended_by(sig):
        client = asks(1, "--to", f"{sig.name}.test", name=f"client-{sig.name}")
        while sig.name.lower().encode() not in hole.recv(512).lower():
            pass
        with Took() as took:
            assert client.end(sig) == 0
        within(took.s, 1, "it ends")

    for sig in (signal.SIGTERM, signal.SIGINT):
        ended_by(sig)

    def says_what_is_wrong():
        client = asks(1, "--to", "unknown.test", name="client-waits")
        client.wait_for(r"no connection \(cannot resolve unknown\.test: no answer from a name server in 10 s\);"
                        r" trying again in")
        with Took() as took:
            assert client.end() == 0
        within(took.s, 1, "it ends")

    def local_name_is_silent():
        """A visitor of a service whose name is not resolved is reset in time, and does not hold up the end."""
        server = scene.server()
        client = asks("--local-host", "service.test", 80, "--to", f"127.0.0.1:{server.control_port}",
                      name="client-local-name")
        visitors = [socket.create_connection(("127.0.0.1", client.public_port())) for _ in range(3)]
        try:
            visitors[0].settimeout(DEADLINE_S)
            assert visitors[0].recv(1) == b"" and not "an orderly end"
        except ConnectionResetError:
            pass
        client.wait_for(r"visitor turned away: local service service\.test:80: ")
        visitors.append(socket.create_connection(("127.0.0.1", client.public_port())))
        with Took() as took:
            assert client.end() == 0
        within(took.s, 1, "it ends")

    parallel(says_what_is_wrong, local_name_is_silent)
