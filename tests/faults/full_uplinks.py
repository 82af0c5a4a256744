#!/usr/bin/env python3
"""What uplinks.py tells in short, at length: a minute of download, and a queue in which nothing can be reached in time."""
import time

from faults import CONNECTED, PATIENCE, Stage, eventually, main, show, told, within
from uplinks import Download, downloads_fill_the_queue, pour, shape


def queue_of_3_s_for_a_minute():
    downloads_fill_the_queue("uplink with 3 s of queue, 60 s", 3, 60)


def queue_of_3_s_with_a_secret():
    downloads_fill_the_queue("uplink with 3 s of queue, secret", 3, 40, ("--secret", "x"))


def queue_of_12_s():
    """The client's own 8 s may pass without a word of the server; then it is back while the download goes on."""
    with Stage() as stage:
        server = stage.serve("--secret", "x")
        stage.client_host.sysctl("ipv4.tcp_congestion_control", "reno")
        client = stage.join(stage.client_host.do(stage.service, pour), "--secret", "x")
        mark, server_mark = client.mark(), server.mark()
        shape(12)
        download = Download(stage, client.public_port())
        download.wait_for(120)
        told("uplink with 12 s of queue", more=f"{download.received / 1e6:.1f} MB")
        show((client, mark), (server, server_mark), most=40)
        # The server never takes it for lost, nor gives its port away
        assert not server.count("no heartbeat from|is free", server_mark)
        lost = client.count("trying again in", mark)
        eventually(lambda: not lost or client.count("connected again .* same public address", mark),
                   "the client is back while the download lasts", 60 * PATIENCE)
        assert not download.problem, download.problem
        download.close()


def client_starts_behind_a_queue_of(seconds):
    """A client started anew while the uplink is full: its dials, and all that it says, are that late."""
    with Stage() as stage:
        stage.client_host.sysctl("ipv4.tcp_congestion_control", "reno")
        server = stage.serve("--secret", "x")
        service_port = stage.client_host.do(stage.service, pour)
        first = stage.join(service_port, "--secret", "x", name="first")
        shape(seconds)
        download = Download(stage, first.public_port())
        download.wait_for(3 * seconds)
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


def starts_behind_3_s():
    within(client_starts_behind_a_queue_of(3), 45, "connected")


def starts_behind_12_s():
    client_starts_behind_a_queue_of(12)


main(queue_of_3_s_for_a_minute, queue_of_3_s_with_a_secret, queue_of_12_s, starts_behind_3_s, starts_behind_12_s)
