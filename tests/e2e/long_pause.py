#!/usr/bin/env python3
"""Readers that pause for a minute lose nothing, each way, with full buffers on the way and silence for all that time."""
import socket
import time

from harness import Scene, eventually, noise, parallel, read_all, read_exactly, visit

PAUSE_S = 62
SIZE = 30_000_000
DATA = noise(SIZE)

with Scene() as scene:
    server = scene.server()
    received = []

    def slow_service(conn):
        assert conn.recv(1) == DATA[:1]
        time.sleep(PAUSE_S)
        received.append(read_all(conn) == DATA[1:])

    def generous_service(conn):
        conn.sendall(DATA)
        conn.shutdown(socket.SHUT_WR)
        assert read_all(conn) == b"thanks"
        received.append(True)

    def upload():
        client = scene.client(scene.service(slow_service), server, name="client-upload")
        with visit(client.public_port()) as visitor:
            visitor.settimeout(PAUSE_S * 2)
            visitor.sendall(DATA)
            visitor.shutdown(socket.SHUT_WR)
            assert read_all(visitor) == b""

    def download():
        client = scene.client(scene.service(generous_service), server, name="client-download")
        with visit(client.public_port()) as visitor:
            assert read_exactly(visitor, 1) == DATA[:1]
            time.sleep(PAUSE_S)
            assert read_all(visitor) == DATA[1:]
            visitor.sendall(b"thanks")
            visitor.shutdown(socket.SHUT_WR)

    def idle():
        """Nothing at all for a minute"""
        client = scene.client(scene.echo_service(), server, name="client-idle")
        with visit(client.public_port()) as visitor:
            visitor.sendall(b"before")
            assert read_exactly(visitor, 6) == b"before"
            time.sleep(PAUSE_S)
            visitor.sendall(b"after")
            assert read_exactly(visitor, 5) == b"after"

    parallel(upload, download, idle)
    eventually(lambda: len(received) == 2, "both services have ended")
    assert received == [True, True], received
