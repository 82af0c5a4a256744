#!/usr/bin/env python3
"""iperf3 through the tunnel, up and down, with parallel streams beside its control connection."""
import json
import subprocess

from harness import Scene, eventually, free_port, need

IPERF = need("iperf3")

with Scene(network=True) as scene:
    service_port = free_port()
    iperf = scene.start("iperf", IPERF, "-s", "-p", service_port, "-B", "127.0.0.1", "--forceflush")
    iperf.wait_for("Server listening")
    server = scene.server()
    client = scene.client(service_port, server)
    # Not --bidir, which takes for granted that connections arrive in the order in which they were made
    for options in (["-P", "4"], ["-P", "4", "-R"]):
        done = subprocess.run([IPERF, "-c", "127.0.0.1", "-p", str(client.public_port()), "-t", "1", "-J", *options],
                              capture_output=True, text=True, timeout=60, check=False)
        result = json.loads(done.stdout)
        assert done.returncode == 0 and "error" not in result, result.get("error", done)
        assert result["end"]["sum_received"]["bytes"] > 1_000_000, (options, result["end"])
    eventually(lambda: client.count("visitor .*: ") >= 5 + 5, "all streams have ended")
