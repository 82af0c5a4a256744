#!/usr/bin/env python3
"""An urgent byte (MSG_OOB) is data like any other, wherever it comes: no stream is cut short or stands still there, no
message of the protocol is spoilt, and nothing spins."""
import socket
import threading
import uuid

from harness import DEADLINE_S, Scene, does_not_spin, noise, read_all, read_exactly, visit

MUCH = noise(131072)
STREAM = noise(1_000_000)


def urge(sock, byte):
    assert sock.send(byte, socket.MSG_OOB) == 1


with Scene() as scene:
    server = scene.server()

    def stays(upload):
        """Much, an urgent byte, one byte more, and then silence; then a stream with marks in it."""
        local, come, over = [], threading.Event(), threading.Event()

        def service(conn):
            local.append(conn)
            come.set()
            over.wait()

        client = scene.client(scene.service(service), server, name=f"client-{'up' if upload else 'down'}")
        with visit(client.public_port()) as visitor:
            assert come.wait(DEADLINE_S)
            writer, reader = (visitor, local[0]) if upload else (local[0], visitor)
            reader.settimeout(DEADLINE_S)
            writer.sendall(MUCH)
            urge(writer, b"!")
            writer.sendall(b".")
            assert read_exactly(reader, len(MUCH) + 2) == MUCH + b"!."
            does_not_spin(client, server)

            def stream():
                for _ in range(20):
                    writer.sendall(STREAM)
                    urge(writer, b"?")
                writer.shutdown(socket.SHUT_WR)

            writing = threading.Thread(target=stream, daemon=True)
            writing.start()
            got = read_all(reader)
            writing.join()
            assert got == 20 * (STREAM + b"?"), len(got)
        over.set()

    stays(True)
    stays(False)

    def ends():
        """A service that sends 40 MB, an urgent byte, 5 MB, and ends."""
        def service(conn):
            for _ in range(40):
                conn.sendall(STREAM)
            urge(conn, b"!")
            for _ in range(5):
                conn.sendall(STREAM)

        client = scene.client(scene.service(service), server, name="client-ends")
        for _ in range(3):
            with visit(client.public_port()) as visitor:
                got = read_all(visitor)
                assert len(got) == 45_000_001, len(got)
                assert got == 40 * STREAM + b"!" + 5 * STREAM

    ends()

    def on_the_control_port():
        """Hello with an urgent byte within and one behind it; one urgent byte alone; a spare that says one."""
        control = scene.connect(server)
        control.sock.sendall(b'{"He')
        urge(control.sock, b"l")
        control.sock.sendall(b'lo":0}')
        urge(control.sock, b"\0")
        assert control.receive()["Hello"] > 0
        urge(control.sock, b"{")
        silent = scene.connect(server)
        urge(silent.sock, b"{")
        owner = scene.connect(server)
        name = str(uuid.uuid4())
        owner.send({"Hello": 0}, {"Announce": {"version": 1, "instance": name, "attempt": 1, "can": ["spare"]}})
        owner.receive()
        spare = scene.connect(server)
        spare.send({"Spare": name})
        urge(spare.sock, b"!")
        does_not_spin(server)
        # The first of it is still a tunnel
        assert control.receive() == "Heartbeat"

    on_the_control_port()

    def from_the_server():
        """The same of a server's messages."""
        fake = scene.fake_server()
        client = scene.client(scene.echo_service(), fake, connected=False, name="client-of-fake")
        control = fake.accept()
        control.receive()
        control.sock.sendall(b'{"Hello"')
        urge(control.sock, b":")
        control.sock.sendall(b"4242}\0")
        client.public_port()
        name = str(uuid.uuid4())
        control.sock.sendall(b'{"Connection":')
        urge(control.sock, b'"')
        control.sock.sendall(name.encode() + b'"}\0')
        data = fake.accept()
        assert data.receive() == {"Accept": name}
        urge(data.sock, b"1")
        data.sock.sendall(b"2")
        assert data.raw(2) == b"12"
        urge(control.sock, b"{")
        does_not_spin(client)
        control.send(b'"ignored":1}\0', {"Connection": (name := str(uuid.uuid4()))})
        assert fake.accept().receive() == {"Accept": name}

    from_the_server()
