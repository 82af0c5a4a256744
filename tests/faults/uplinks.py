#!/usr/bin/env python3
"""A client behind a slow uplink whose queue is long: a download of a visitor fills it, and all that the client says
waits in it for seconds. The tunnel stands all the same."""
import subprocess
import threading
import time

from faults import LOST, Stage, eventually, main, need, show, told

RATE_BYTES_S = 125_000  # 1 Mbit/s


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


if __name__ == "__main__":
    main(queue_of_3_s)
