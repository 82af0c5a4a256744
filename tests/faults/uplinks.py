#!/usr/bin/env python3
"""A client behind a slow uplink whose queue is long: a download of a visitor fills it, and all that the client says
waits in it for seconds. The tunnel stands all the same."""
import collections
import fcntl
import os
import select
import struct
import subprocess
import threading
import time

from faults import CONNECTED, LOST, PATIENCE, Host, Stage, ask, eventually, main, need, show, skip, told

RATE_BYTES_S = 125_000  # 1 Mbit/s

TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000  # linux/if_tun.h


def shape(queue_s):
    """The router's way to the server: so slow that a full queue takes queue_s."""
    need("tc")
    subprocess.run(["tc", "qdisc", "replace", "dev", "server", "root", "tbf", "rate", f"{RATE_BYTES_S * 8}bit",
                    "burst", "8000", "limit", str(int(RATE_BYTES_S * queue_s))], check=True)


def pour(conn):
    """A service that sends for as long as the visitor reads."""
    data = bytes(65536)
    while True:
        conn.sendall(data)


class Download:
    """A visitor that reads all that comes, and counts it."""

    def __init__(self, stage, port):
        self.conn = stage.visitor_host.connect(stage.server_host.address, port)
        self.conn.settimeout(60)
        self.received, self.problem = 0, None
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self):
        try:
            while data := self.conn.recv(65536):
                self.received += len(data)
            self.problem = "ended"
        except OSError as problem:
            self.problem = problem

    def wait_for(self, seconds):
        """Until so much has come as the uplink carries in so many seconds."""
        eventually(lambda: self.problem or self.received >= seconds * RATE_BYTES_S * 0.9,
                   f"a download of {seconds} s", seconds * 3 + 60)
        assert not self.problem, self.problem

    def close(self):
        self.conn.close()


def downloads_fill_the_queue(name, queue_s, seconds, options=()):
    with Stage() as stage:
        server = stage.serve(*options)
        stage.client_host.sysctl("ipv4.tcp_congestion_control", "reno")  # fills a queue; bbr would not
        client = stage.join(stage.client_host.do(stage.service, pour), *options)
        port = client.public_port()
        mark, server_mark = client.mark(), server.mark()
        shape(queue_s)
        start = time.time()
        download = Download(stage, port)
        download.wait_for(seconds)
        told(name, more=f"{download.received / 1e6:.1f} MB in {time.time() - start:.1f} s")
        show((client, mark), (server, server_mark))
        download.close()
        assert not server.count("is gone|in place of", server_mark)
        assert not client.count(LOST, mark)


def queue_of_3_s():
    """Long enough for what made every download lose its client: retransmissions below the round trip."""
    downloads_fill_the_queue("uplink with 3 s of queue", 3, 25)


def client_starts_behind_a_queue_of(seconds):
    """A client started anew while the uplink is full: its dials, and all that it says, are that late."""
    with Stage() as stage:
        stage.client_host.sysctl("ipv4.tcp_congestion_control", "reno")
        server = stage.serve("--secret", "x")
        service_port = stage.client_host.do(stage.service, pour)
        first = stage.join(service_port, "--secret", "x", name="first")
        shape(seconds)
        download = Download(stage, first.public_port())
        download.wait_for(2.5 * seconds)
        start = time.time()
        second = stage.join(service_port, "--secret", "x", connected=False, name="second")
        second.wait_for(CONNECTED, deadline_s=180 * PATIENCE)
        took = time.time() - start
        told(f"started behind an uplink with {seconds} s of queue", more=f"connected after {took:.1f} s")
        show((second, 0), most=20)
        eventually(lambda: download.problem or second.count(CONNECTED), "both go on")
        assert not download.problem, download.problem
        download.close()
        return took


def open_tun():
    fd = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", b"far", IFF_TUN | IFF_NO_PI))
    return fd


def carry(source, target, delay_s):
    """What comes from one end of a wire is at the other so much later; for ever."""
    under_way = collections.deque()
    while True:
        patience_s = max(0, under_way[0][0] - time.monotonic()) if under_way else None
        if select.select([source], [], [], patience_s)[0]:
            under_way.append((time.monotonic() + delay_s, os.read(source, 65536)))
        while under_way and under_way[0][0] <= time.monotonic():
            os.write(target, under_way.popleft()[1])


def starts_5_s_away():
    """As behind a queue that is always full: no deadline of 3 s can be met, at neither end."""
    with Stage() as stage:
        server = stage.serve("--secret", "x")
        far = Host(stage, "far")
        try:
            ends = stage.server_host.do(open_tun), far.do(open_tun)
        except OSError as problem:
            skip(f"no tun device: {problem}")
        stage.server_host.ip("addr add 10.0.7.1/24 dev far", "link set far up")
        far.ip("addr add 10.0.7.2/24 dev far", "link set far up")
        for source, target, delay_s in ((ends[0], ends[1], 0), (ends[1], ends[0], 5)):
            threading.Thread(target=carry, args=(source, target, delay_s), daemon=True).start()
        start = time.time()
        client = stage.join(stage.serve_echo(far), "--secret", "x", host=far, to="10.0.7.1", connected=False)
        client.wait_for(CONNECTED, deadline_s=60 * PATIENCE)
        took = time.time() - start
        with stage.visitor_host.connect(stage.server_host.address, client.public_port()) as visitor:
            visitor.settimeout(60 * PATIENCE)
            assert ask(visitor, b"x") == b"x"
        told("a client 5 s away",
             more=f"connected after {took:.1f} s, a visitor served {time.time() - start - took:.1f} s later")
        show((client, 0), (server, 0), most=20)


if __name__ == "__main__":
    main(queue_of_3_s, starts_5_s_away)
