#!/usr/bin/env python3
"""Whatever bytes come to the control port: one clear, escaped log line, and others are served meanwhile."""
import json
import re
import socket
import ssl
import uuid

from harness import Scene, answer, ask, echoes, parallel, read_all, visit

NAME = str(uuid.uuid4())
TLS_HELLO = bytes.fromhex("16030100ba010000b60303") + bytes(range(180))
HTTP = b"GET / HTTP/1.1\r\nHost: tunnel.example.org\r\nUser-Agent: \x1b[31mred\x1b[0m\r\n\r\n" + b"x" * 300

# What is no message of the protocol
GARBAGE = {
    "a long run": b"A" * 257,
    "a long run and NUL": b"A" * 257 + b"\0",
    "a long valid message": b" " * 243 + b'{"Hello":4242}\0',
    "a megabyte": b"B" * 1_000_000,
    "a NUL": b"\0",
    "NULs": b"\0" * 300,
    "brackets": b"[" * 256 + b"\0",
    "deep objects": b'{"a":' * 40 + b"1" + b"}" * 40 + b"\0",
    "HTTP": HTTP,
    "TLS": TLS_HELLO + b"\0",
    "invalid UTF-8": b'{"Error":"\xff\xfe"}\0',
    "overlong UTF-8": b'"\xc0\x80"\0',
    "a surrogate": b'"\\ud800"\0',
    "a number": b"42\0",
    "null": b"null\0",
    "a list": b'["Hello",4242]\0',
    "an empty object": b"{}\0",
    "two keys": b'{"Hello":0,"Accept":"x"}\0',
    "a key twice": b'{"Hello":0,"Hello":0}\0',
    "trailing bytes": b'{"Hello":0}x\0',
    "two values": b'{"Hello":0}{"Hello":0}\0',
    "a port as text": b'{"Hello":"0"}\0',
    "a port as a fraction": b'{"Hello":0.0}\0',
    "a negative port": b'{"Hello":-1}\0',
    "a large port": b'{"Hello":65536}\0',
    "a huge port": b'{"Hello":18446744073709551616}\0',
    "no port": b'{"Hello":null}\0',
    "a bare Hello": b'"Hello"\0',
    "a UUID that is none": b'{"Accept":"no uuid"}\0',
    "a UUID without hyphens": b'{"Accept":"' + NAME.replace("-", "").encode() + b'"}\0',
    "a UUID in braces": b'{"Accept":"{' + NAME.encode() + b'}"}\0',
    "a comment": b'/* */{"Hello":0}\0',
    "control characters raw": b'"\x1b[2J\x07"\0',
    "a message for clients": b'"Heartbeat"\0',
    "a challenge": json.dumps({"Challenge": NAME}).encode() + b"\0",
    "an unknown message first": b'{"Knock":1}\0',
    "an error": b'{"Error":"\\u001b]0;owned\\u0007\\r\\nfake: log line"}\0',
    "a kind that paints": b'"\\u001b[31m\\n2026-01-01 info: forged"\0',
}


def check_line(server, address):
    """One line tells of the peer, and nothing in it could fool a terminal or a reader."""
    server.wait_for(re.escape(address) + r" (dropped: (what it sent is no message|it began with)|refused: )")
    lines = [line for line in server.log().split("\n") if address in line and "debug" not in line]
    assert len(lines) == 1, lines
    assert not re.search(r"[\x00-\x1f\x7f-\x9f]", lines[0]), lines[0]


def address_of(peer):
    return "%s:%d" % peer.sock.getsockname()


with Scene() as scene:
    server = scene.server()
    secret_server = scene.server("-s", "s3cret", name="server-secret")
    client = scene.client(scene.echo_service(), server)
    port = client.public_port()
    visitor = visit(port)

    def garbage(target, what):
        # The same of one address is told once a minute
        peer = scene.connect(target, source=f"127.0.1.{1 + list(GARBAGE).index(what)}")
        address = address_of(peer)
        try:
            peer.send(GARBAGE[what])
            peer.sock.shutdown(socket.SHUT_WR)
            said = read_all(peer.sock)
        except OSError:
            said = None  # reset: it had not read all of that
        check_line(target, address)
        if target is secret_server and said:
            challenge, _, said = said.partition(b"\0")
            assert list(json.loads(challenge)) == ["Challenge"]
        for frame in (said or b"").split(b"\0")[:-1]:
            assert list(json.loads(frame)) == ["Error"], (what, said)

    def real_tls():
        """A TLS library gets a clean failure, not a hang."""
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with socket.create_connection(("127.0.0.1", server.control_port), 30) as sock:
            try:
                context.wrap_socket(sock).close()
                raise AssertionError("no TLS was expected there")
            except (ssl.SSLError, OSError):
                pass

    def answers_in_time(what, message, error):
        """The peer is told at once what was wrong, also while it keeps its end open."""
        peer = scene.connect(secret_server)
        challenge = peer.receive()["Challenge"]
        peer.send(message(challenge))
        assert peer.receive() == {"Error": error}, what
        assert peer.ending() == "end", what

    def others_are_served():
        for number in range(40):
            assert ask(visitor, b"%d" % number) == b"%d" % number
            assert echoes(port, b"served meanwhile")

    def split_frames():
        """Frames come in any pieces, with JSON white space, in either case of hex digits."""
        peer = scene.connect(server)
        for byte in b' \t{ "Hello" :\r\n 0 } \0':
            peer.send(bytes([byte]))
        given = peer.receive()["Hello"]
        with visit(given) as waiting:
            name = peer.receive_but_heartbeats()["Connection"]
            assert uuid.UUID(name).version == 4 and name == name.lower()
            data = scene.connect(server)
            data.send({"Accept": name.upper()})
            data.send(b"hello")
            assert waiting.recv(5) == b"hello"

    def authenticates():
        for secret, error in (("s3cret", None), ("wrong", "invalid secret")):
            peer = scene.connect(secret_server)
            tag = answer(secret, peer.receive()["Challenge"])
            if error:
                peer.send(tag)
                assert peer.receive() == {"Error": error}
            else:
                peer.send(tag, {"Hello": 0})  # in one write
                assert peer.receive()["Hello"] > 0
        for tag in ("", "00", "zz" * 32, "0" * 64 + " ", "0" * 63):
            answers_in_time(tag, lambda _, tag=tag: {"Authenticate": tag}, "invalid secret")

    authentication = "server requires secret, but no secret was provided"
    parallel(
        *[lambda what=what, target=target: garbage(target, what)
          for what in GARBAGE for target in (server, secret_server)],
        real_tls, others_are_served, split_frames, authenticates,
        lambda: answers_in_time("Hello", lambda _: {"Hello": 0}, authentication),
        lambda: answers_in_time("Accept", lambda _: {"Accept": NAME}, authentication),
        lambda: answers_in_time("garbage", lambda _: b"garbage\0", "unable to parse message"))
    assert echoes(port, b"served afterwards")
    for log in (server.log(), secret_server.log()):
        assert all(re.match(r"\d{4}-\d\d-\d\dT\S+Z (error|warning|info): ", line) for line in log.split("\n")[:-1]), log
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", log), log
    assert server.is_running() and secret_server.is_running()
    assert "s3cret" not in secret_server.log()
