#!/usr/bin/env python3
"""What uplinks.py tells in short, at length: a minute of download, and a queue in which nothing can be reached in time."""
from faults import PATIENCE, Stage, eventually, main, show, told
from uplinks import Download, client_starts_behind_a_queue_of, downloads_fill_the_queue, pour, shape


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


def starts_behind_12_s():
    client_starts_behind_a_queue_of(12)


main(queue_of_3_s_for_a_minute, queue_of_3_s_with_a_secret, queue_of_12_s, starts_behind_12_s)
