#!/usr/bin/env python3
"""A client that was written from rebore-protocol(7), Streams, alone: visitors over data connections that are used again,
that break and are resumed, and what happens to who does not keep to the rules."""
import socket
import struct
import subprocess
import uuid

from harness import DEADLINE_S, Scene, ending_of, need

OPEN, RESUME, RESUMED, FINISHED, GONE, DATA, PROBE, PROBED, END, RESET, BYE = range(1, 12)
WINDOW = 1 << 20
# Two addresses: between two ends of one host nothing is kept
SERVER, CLIENT = "10.9.0.1", "10.9.0.2"


class Data:
    """A data connection, and one stream at a time."""

    def __init__(self, control, first="Stream"):
        self.peer = control.scene.connect(control.server, host=SERVER, source=CLIENT)
        self.peer.send({first: control.key})
        self.received = 0

    def put(self, kind, payload=b""):
        self.peer.send(struct.pack("!B", kind) + len(payload).to_bytes(3, "big") +
                       struct.pack("!II", self.received & 0xffffffff, (self.received + WINDOW) & 0xffffffff) + payload)

    def get(self):
        """The next frame, but acknowledgements: type and payload."""
        while True:
            head = self.peer.raw(12)
            kind, length = head[0], int.from_bytes(head[1:4], "big")
            self.acknowledged, self.limit = struct.unpack("!II", head[4:])
            payload = self.peer.raw(length)
            if kind == DATA:
                self.received += length
            if kind == END:
                self.received += 1
            if kind != DATA or payload:
                return kind, payload

    def expect(self, kind, payload=b""):
        assert (got := self.get()) == (kind, payload), (got, kind, payload)

    def expect_open(self):
        """The id, and how long it may be interrupted."""
        kind, payload = self.get()
        assert kind == OPEN, kind
        self.received = 0
        resume_ms, family = struct.unpack("!IB", payload[16:21])
        assert family in (4, 6), "the visitor's address"
        return payload[:16], resume_ms

    def expect_closed(self):
        assert self.peer.ending() in ("end", "reset")

    def resume(self, stream, attempt, received):
        self.received = received
        self.put(RESUME, stream + struct.pack("!IQQ", attempt, received, received + WINDOW))

    def expect_resumed(self):
        kind, payload = self.get()
        assert kind == RESUMED, kind
        return struct.unpack("!QQ", payload)


class Control:
    """A control connection whose ends can both carry streams."""

    def __init__(self, scene, server, spares=1, resume_ms=30000):
        self.scene, self.server = scene, server
        self.peer = scene.connect(server, host=SERVER, source=CLIENT)
        self.peer.send({"Hello": 0}, {"Announce": {
            "version": 1, "instance": str(uuid.uuid4()), "attempt": 1, "process": str(uuid.uuid4()),
            "can": ["heartbeat", "lease", "spare", "key", "stream"], "resume_ms": resume_ms, "spares": spares}})
        self.port = self.peer.receive()["Hello"]
        said = self.peer.receive_but_heartbeats()["Announce"]
        assert "stream" in said["can"] and said["resume_ms"] == min(resume_ms, 30000), said
        self.key = said["key"]

    def expect(self, name):
        while True:
            message = self.peer.receive_but_heartbeats()
            if isinstance(message, dict) and name in message:
                return message[name]

    def visit(self):
        sock = socket.create_connection((SERVER, self.port), DEADLINE_S)
        sock.settimeout(DEADLINE_S)
        return sock


def one_after_the_other(control):
    """Two visitors on one data connection; each direction ends by itself."""
    data = Data(control)
    for word in (b"first", b"second"):
        with control.visit() as visitor:
            visitor.sendall(word)
            _, resume_ms = data.expect_open()
            assert resume_ms == 30000
            data.expect(DATA, word)
            data.put(DATA, b"answer to " + word)
            assert visitor.recv(100) == b"answer to " + word
            visitor.shutdown(socket.SHUT_WR)
            data.expect(END)
            data.put(DATA, b", at length")
            data.put(END)
            assert visitor.recv(100) == b", at length" and visitor.recv(1) == b""
            data.expect(BYE)
            data.put(BYE)
    return data


def broken_and_resumed(control, data):
    """What was lost on the way is sent again, from the position that the other end has told; a late RESUME is refused."""
    with control.visit() as visitor:
        visitor.sendall(b"0123456789")
        stream, _ = data.expect_open()
        data.expect(DATA, b"0123456789")
        data.received = 4  # the six bytes behind "0123" were lost
        data.put(DATA, b"abc")
        assert visitor.recv(10) == b"abc"
        data.peer.reset()
        lost = control.expect("Lost")
        assert lost == {"id": str(uuid.UUID(bytes=stream)), "attempt": 0}, lost
        visitor.sendall(b"ABC")
        data = Data(control, "Resume")
        data.resume(stream, 2, 4)
        assert data.expect_resumed()[0] == 3
        got = b""
        while len(got) < 9:
            kind, payload = data.get()
            assert kind == DATA, kind
            got += payload
        assert got == b"456789ABC", got
        late = Data(control, "Resume")
        late.resume(stream, 1, 0)
        late.expect_closed()
        data.put(DATA, b"def")
        assert visitor.recv(10) == b"def"
        visitor.shutdown(socket.SHUT_WR)
        data.expect(END)
        data.put(END)
        assert visitor.recv(1) == b""
        data.expect(BYE)
        # Its BYE is lost: who asks hears that all is well
        data.peer.reset()
        for attempt in range(3, 10):
            data = Data(control, "Resume")
            data.resume(stream, attempt, 14)
            try:
                data.expect(FINISHED)
                break
            except (EOFError, ConnectionError):
                pass  # the server was just about to find out that it is over
        data.expect_closed()


def impossible_positions(control):
    """A copy of the client would have others: the visitor is reset."""
    data = Data(control)
    with control.visit() as visitor:
        visitor.sendall(b"hello")
        stream, _ = data.expect_open()
        data.expect(DATA, b"hello")
        data.put(DATA)
        data.peer.reset()
        control.expect("Lost")
        data = Data(control, "Resume")
        data.resume(stream, 1, 5000)
        data.expect(GONE)
        assert ending_of(visitor) == "reset"


def unknown(control):
    data = Data(control, "Resume")
    data.resume(uuid.uuid4().bytes, 1, 0)
    data.expect(GONE)
    data.expect_closed()
    # And the other way round: the client does not know it
    data = Data(control)
    with control.visit() as visitor:
        stream, _ = data.expect_open()
        data.put(DATA)
        data.peer.reset()
        control.expect("Lost")
        control.peer.send({"NoStream": str(uuid.UUID(bytes=stream))})
        assert ending_of(visitor) == "reset"


def refused(control):
    """RESET is answered by BYE, and the data connection serves the next visitor."""
    data = Data(control)
    with control.visit() as visitor:
        data.expect_open()
        data.put(RESET, b"\x01")
        assert ending_of(visitor) == "reset"
        data.expect(BYE)
    with control.visit() as visitor:
        data.expect_open()
        data.put(DATA, b"here")
        assert visitor.recv(10) == b"here"
        visitor.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    data.expect(RESET, b"\x00")
    data.put(BYE)
    return data


def asked_for_more(control, data):
    """A visitor that finds no data connection, and a client that has no room for it."""
    with control.visit() as first:
        data.expect_open()
        data.put(DATA)
        with control.visit() as second:
            assert control.expect("Dial") >= 1
            control.peer.send({"Full": 1})
            assert ending_of(second) == "reset"
        first.sendall(b"still there")
        data.expect(DATA, b"still there")
        data.put(PROBE)
        data.expect(PROBED)
        data.put(RESET, b"\x00")
        assert ending_of(first) == "reset"
        data.expect(BYE)
    data.peer.close()


def bad_frames(control):
    """Each costs its data connection. The visitor waits for another one, until it is taken."""
    for bad in (b"\x00" * 12, b"\x0c" + b"\x00" * 11, b"\x01\xff\xff\xff" + b"\x00" * 8, b"\x09\x00\x00\x01" + b"\x00" * 9):
        data = Data(control)
        with control.visit() as visitor:
            stream, _ = data.expect_open()
            data.peer.send(bad)
            data.expect_closed()
            again = Data(control)
            assert again.expect_open()[0] == stream
            again.put(RESET, b"\x00")
            assert ending_of(visitor) == "reset"
            again.expect(BYE)
            again.peer.close()
    # More than the limit allows
    data = Data(control)
    with control.visit() as visitor:
        data.expect_open()
        try:
            for _ in range(400):
                data.put(DATA, b"x" * 65536)
            while True:
                data.get()
        except (EOFError, ConnectionError):
            pass
        server.wait_for("interrupted")
        visitor.close()


need("ip")
with Scene(network=True) as scene:
    subprocess.run(["ip", "addr", "add", f"{SERVER}/32", "dev", "lo"], check=True)
    subprocess.run(["ip", "addr", "add", f"{CLIENT}/32", "dev", "lo"], check=True)
    server = scene.server("-v")
    tunnel = Control(scene, server)
    broken_and_resumed(tunnel, one_after_the_other(tunnel))
    impossible_positions(tunnel)
    unknown(tunnel)
    asked_for_more(tunnel, refused(tunnel))
    bad_frames(tunnel)
    assert server.is_running()
