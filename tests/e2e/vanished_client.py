#!/usr/bin/env python3
"""A client that vanishes without a word, heartbeats in flight, loses its public port: ours within 8 s, bore's within 16 s."""
import signal
import subprocess

from harness import REBORE, Scene, Took, bore, eventually, need, need_root, parallel, within

BORE = bore()
need_root()
need("ip", "unshare", "nsenter")
with Scene(network=True) as scene:
    server = scene.server("--lease", 0, control_port=7835)

    def run(command):
        subprocess.run(command.split(), check=True)

    def vanishes(number, program, up, at_most_s):
        holder = scene.start("network", "sleep", "1000", launcher=["unshare", "-n"])
        eventually(lambda: b"sleep" in holder._proc("cmdline")[:6], "the network is there")
        run(f"ip link add near{number} type veth peer name far{number}")
        run(f"ip link set far{number} netns {holder.pid}")
        run(f"ip addr add 10.99.{number}.1/24 dev near{number}")
        run(f"ip link set near{number} up")
        for command in (f"ip addr add 10.99.{number}.2/24 dev far{number}", f"ip link set far{number} up"):
            run(f"nsenter -t {holder.pid} -n {command}")
        client = scene.start(f"client-{number}", program, "local", 1, "--to", f"10.99.{number}.1",
                             launcher=["nsenter", "-t", str(holder.pid), "-n"])
        port = int(client.wait_for(up)[1])
        with Took() as took:
            run(f"ip link set near{number} down")
            client.end(signal.SIGKILL)
            server.wait_for(rf"port {port} is free")
        assert 2 < took.s, took.s
        within(took.s, at_most_s, "the server notices")

    parallel(lambda: vanishes(1, REBORE, r"public address \S+:(\d+)", 10),
             lambda: vanishes(2, BORE, r"listening at [0-9.]+:(\d+)", 18))
