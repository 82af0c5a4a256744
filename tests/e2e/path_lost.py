#!/usr/bin/env python3
"""The network between client and server goes away and comes back: both find out, and the tunnel and its visitors go on."""
import ctypes
import os
import socket
import subprocess
import threading

from harness import CONNECTED, Scene, ask, echo, ending_of_visit, eventually, libc, need, need_root, parallel, visit

CLONE_NEWNET = 0x40000000


def run(command):
    subprocess.run(command.split(), check=True)


class Far:
    """A client in a network of its own, at the other end of a cable that can be pulled."""

    def __init__(self, scene, number, service_port, *options):
        self.near, far = f"near{number}", f"far{number}"
        net = f"10.99.{number}"
        self.client = scene.rebore("local", service_port, "--to", f"{net}.1:{scene.server_port}", *options,
                                   launcher=["unshare", "-n"], name=f"client-{number}")
        pid = self.client.pid
        # It starts without any network at all
        self.client.wait_for(r"no connection \(cannot connect to \S+: Network is unreachable\); trying again in")
        run(f"ip link add {self.near} type veth peer name {far}")
        run(f"ip link set {far} netns {pid}")
        run(f"ip addr add {net}.1/24 dev {self.near}")
        for command in ("ip link set lo up", f"ip addr add {net}.2/24 dev {far}", f"ip link set {far} up"):
            run(f"nsenter -t {pid} -n {command}")
        self.plug()

    def plug(self):
        run(f"ip link set {self.near} up")

    def pull(self):
        run(f"ip link set {self.near} down")


def echo_service_in(process):
    """An echo service in the network of a process. Returns its port."""
    ports = []
    ready = threading.Event()

    def accept():
        with open(f"/proc/{process}/ns/net", encoding="ascii") as net:
            assert libc.setns(net.fileno(), CLONE_NEWNET) == 0, os.strerror(ctypes.get_errno())
        listener = socket.create_server(("127.0.0.1", 0))
        ports.append(listener.getsockname()[1])
        ready.set()
        while True:
            conn = listener.accept()[0]
            threading.Thread(target=echo, args=(conn,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    ready.wait()
    return ports[0]


need_root()
need("ip", "unshare", "nsenter")
with Scene(network=True) as scene:
    server = scene.server()
    scene.server_port = server.control_port

    def comes_back():
        # The service's network is the client's, and so it must be there before its port is known: a placeholder first
        far = Far(scene, 1, 1, "--heartbeat-timeout", "2")
        client = far.client
        port = client.public_port()
        client.wait_for(CONNECTED)
        mark = client.mark()
        far.pull()
        client.wait_for(r"connection lost \(no heartbeat for 2\.", after=mark)
        client.wait_for(r"no connection \(", after=mark)
        far.plug()
        assert client.public_port(after=mark) == port
        assert ending_of_visit(port) == "reset"
        client.wait_for("visitor turned away", after=mark)

    def visitors_go_on():
        holder = scene.start("holder", "sleep", "1000", launcher=["unshare", "-n"])
        eventually(lambda: os.readlink(f"/proc/{holder.pid}/ns/net") != os.readlink("/proc/self/ns/net"), "a network")
        run(f"nsenter -t {holder.pid} -n ip link set lo up")
        service_port = echo_service_in(holder.pid)
        run("ip link add near2 type veth peer name far2")
        run(f"ip link set far2 netns {holder.pid}")
        run("ip addr add 10.99.2.1/24 dev near2")
        run("ip link set near2 up")
        for command in ("ip addr add 10.99.2.2/24 dev far2", "ip link set far2 up"):
            run(f"nsenter -t {holder.pid} -n {command}")
        client = scene.rebore("local", service_port, "--to", f"10.99.2.1:{server.control_port}",
                              "--heartbeat-timeout", "2", launcher=["nsenter", "-t", str(holder.pid), "-n"],
                              name="client-2")
        port = client.public_port()
        with visit(port) as visitor:
            assert ask(visitor, b"before") == b"before"
            mark = client.mark()
            run("ip link set near2 down")
            client.wait_for(r"no heartbeat for 2\.", after=mark)
            visitor.sendall(b"during")
            run("ip link set near2 up")
            server.wait_for(rf"has port {port}, in place of")
            assert visitor.recv(6) == b"during"
            assert ask(visitor, b"after") == b"after"

    parallel(comes_back, visitors_go_on)
