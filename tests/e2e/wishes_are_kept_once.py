#!/usr/bin/env python3
"""What asks for an attempt at once (SIGHUP, an address that is gone) asks for one: it does not end a later wait."""
import signal
import socket
import subprocess

from harness import AGAIN, DEADLINE_S, Peer, Scene, Took, need, parallel, within

ANNOUNCE = {"Announce": {"version": 1, "can": ["heartbeat"]}}


def delay_after_reset(peer, client):
    mark = client.mark()
    peer.reset()
    return float(client.wait_for(AGAIN, after=mark)[1])


def run(command):
    subprocess.run(command.split(), check=True)


with Scene(network=True) as scene:
    def hangup_while_connected():
        fake = scene.fake_server()
        client = scene.client(1, fake, "-v", connected=False, name="client-hangup")
        peer = fake.accept_client()
        client.wait_for("connected to")
        client.send(signal.SIGHUP)
        client.wait_for("SIGHUP")
        with Took() as took:
            announced = delay_after_reset(peer, client)
            peer = fake.accept()
        assert announced >= 0.7 and took.s >= announced - 0.06, (announced, took.s)  # the log rounds to a tenth
        # One that comes while an attempt is made is for the wait that follows if it fails.
        peer.receive()
        client.send(signal.SIGHUP)
        client.wait_for_count("SIGHUP", 2)
        with Took() as took:
            announced = delay_after_reset(peer, client)
            fake.accept()
        assert announced > 0.6, announced
        within(took.s, 0.6, f"an attempt at once, and not after {announced} s")

    def address_gone_before_the_second():
        """The first connection loses its address, the second takes its place: when that is lost, it is an ordinary loss."""
        need("ip", "unshare", "nsenter")
        client_net = scene.start("net", "sleep", "1000", launcher=["unshare", "-n", "sh", "-c", 'echo up; exec "$@"', "sh"])
        client_net.wait_for("up")
        inside = f"nsenter -t {client_net.pid} -n "
        run("ip link add near type veth peer name far")
        run(f"ip link set far netns {client_net.pid}")
        run("ip addr add 10.98.1.1/24 dev near")
        run("ip link set near up")
        for command in ("ip link set lo up", "ip addr add 10.98.1.2/24 dev far", "ip addr add 10.98.1.3/32 dev far",
                        "ip addr add 10.98.1.4/32 dev far", "ip link set far up"):
            run(inside + command)
        listener = socket.create_server(("10.98.1.1", 0))
        listener.settimeout(DEADLINE_S)
        scene.closables.append(listener)
        client = scene.rebore("local", 1, "--to", f"10.98.1.1:{listener.getsockname()[1]}", "-v", launcher=inside.split(),
                              name="client-address")

        def accept():
            scene.closables.append(peer := Peer(listener.accept()[0]))
            assert "Hello" in peer.receive()
            return peer

        first = accept()
        # The next connection is to have the other address.
        run(inside + "ip route replace 10.98.1.0/24 dev far src 10.98.1.3")
        first.send({"Hello": 4242}, ANNOUNCE)
        second = accept()  # the first was silent
        assert second.sock.getpeername()[0] == "10.98.1.3"
        run(inside + "ip addr del 10.98.1.2/24 dev far")
        run(inside + "ip route replace 10.98.1.0/24 dev far src 10.98.1.4")
        client.wait_for(r"connection lost \(the local address of the connection is gone\)")
        second.send({"Hello": 4242}, ANNOUNCE)
        client.wait_for("a second one has taken its place")
        delay = delay_after_reset(second, client)
        assert delay >= 0.7, delay

    parallel(hangup_while_connected, address_gone_before_the_second)
