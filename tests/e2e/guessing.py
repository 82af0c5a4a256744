#!/usr/bin/env python3
"""Whoever guesses secrets waits longer and longer and is shut out for a while; strangers have few lines in the log."""
import subprocess

from harness import Scene, Took, answer, echoes, eventually, need, parallel

need("ip")
SECRET = "s3cret"
FAILURES = 10  # in a minute; then an address is shut out


def addresses(*texts):
    for text in texts:
        subprocess.run(["ip", "address", "add", f"{text}/24", "dev", "lo"], check=True)


with Scene(network=True) as scene:
    addresses("192.0.2.1", "192.0.2.2", "192.0.2.3")

    def guess(server, source, secret="wrong"):
        """Returns the answer, or None: closed without a word."""
        try:
            peer = scene.connect(server, "192.0.2.1", source)
            peer.send(answer(secret, peer.receive()["Challenge"]), {"Hello": 0})
            return peer.receive()
        except (ConnectionError, EOFError):
            return None

    def is_shut_out(server, source):
        try:
            peer = scene.connect(server, "192.0.2.1", source)
            peer.receive()
            peer.close()
            return False
        except (ConnectionError, EOFError):
            return True

    def guesses():
        server = scene.server("-s", SECRET, name="server-guessed")
        # Whoever is there already is not shut out by what others do at its address, ...
        client = scene.client(scene.echo_service(), server, "-s", SECRET, name="client-before", connected=False)
        port = client.public_port()
        early = scene.connect(server, "192.0.2.1", "192.0.2.3")
        early.send(answer(SECRET, early.receive()["Challenge"]), {"Hello": 0})
        assert "Hello" in early.receive()
        with Took() as took:
            assert guess(server, "192.0.2.2") == {"Error": "invalid secret"}
        assert took.s >= 0.1
        # Later and later, and not at the same time as others only
        with Took() as took:
            answers = parallel(*[lambda: guess(server, "192.0.2.2")] * (FAILURES - 2))
            assert answers == [{"Error": "invalid secret"}] * len(answers), answers
        assert took.s >= 2
        assert not is_shut_out(server, "192.0.2.2")
        assert guess(server, "192.0.2.2") == {"Error": "invalid secret"}, "it was there before"
        assert is_shut_out(server, "192.0.2.2"), "also with the right secret"
        server.wait_for(r"192\.0\.2\.2 failed to authenticate 10 times within a minute; its connections are closed for 10 s")
        # ... nor does anybody else notice
        for source in ("127.0.0.1", "192.0.2.3"):
            for _ in range(2):
                parallel(*[lambda source=source: guess(server, source)] * FAILURES)
            assert not is_shut_out(server, source), source
        assert echoes(port, b"served")
        assert guess(server, "192.0.2.3", SECRET)["Hello"] > 0
        # For a while
        eventually(lambda: not is_shut_out(server, "192.0.2.2"), "the address is let in again")
        assert guess(server, "192.0.2.2", SECRET)["Hello"] > 0
        server.end()
        assert server.count("192.0.2.2:.* refused: wrong secret") == 1
        server.wait_for(r"192\.0\.2\.2 refused: wrong secret: 9 times more within a minute")

    def few_lines():
        """Also with many addresses, and none that matters is lost."""
        server = scene.server(name="server-told")
        for host in range(1, 101):
            for _ in range(5):
                scene.connect(server, source=f"127.0.3.{host}").send(b"garbage\0")
        for _ in range(100):
            scene.hello(server).send(b"garbage\0")
        server.wait_for_count("no message of the protocol", 30)
        eventually(lambda: server.threads() < 10, "all of them are dealt with")
        server.end()
        lines = server.log().splitlines()
        assert len(lines) < 400, len(lines)  # a few of 600 connections, of which 100 had a port, and three lines each
        told = sum(int(line.rsplit(":", 1)[1].split()[0]) for line in lines if "no message of the protocol:" in line)
        assert told + server.count("dropped: what it sent is no message of the protocol\n") == 500, lines

    def left_without_a_word():
        """A health check is no news worth a warning, with a secret and without one; neither is it a failure."""
        for options in ((), ("-s", SECRET)):
            server = scene.server(*options, name="server-checked")
            for number in range(2 * FAILURES):
                peer = scene.connect(server, "192.0.2.1", "192.0.2.2")
                peer.reset() if number % 2 else peer.close()
            assert not (options and is_shut_out(server, "192.0.2.2"))
            server.wait_for(r"info: 192\.0\.2\.2:\d+ left without a word")
            server.end()
            assert server.count("warning: .*192") == 0

    parallel(guesses, few_lines, left_without_a_word)
