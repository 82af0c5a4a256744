#!/usr/bin/env python3
"""Many clients behind one address have an old secret: each of them learns that, and all of them come back; guessing at
one address stays slow all the same."""
import subprocess

from harness import CONNECTED, Scene, answer, eventually, need, parallel

need("ip")
WAIT_MOST = 64  # connections of one address that wait for their Error
WRONG = {"Error": "invalid secret"}

with Scene(network=True) as scene:
    for host in (1, 2, 3):
        subprocess.run(["ip", "address", "add", f"192.0.2.{host}/24", "dev", "lo"], check=True)
    service_port = scene.echo_service()

    def last_message(peer):
        """None: closed without a word."""
        try:
            return peer.receive()
        except (ConnectionError, EOFError):
            return None

    def arrive(server, source, count):
        peers = [scene.connect(server, "192.0.2.1", source) for _ in range(count)]
        for peer in peers:
            peer.challenge = peer.receive()["Challenge"]
        return peers

    def is_closed_at_once(server, source):
        try:
            return last_message(scene.connect(server, "192.0.2.1", source)) is None
        except ConnectionError:
            return True

    def who_is_there_is_told():
        server = scene.server("-s", "new", name="server-told")
        peers = arrive(server, "192.0.2.2", 41)
        for peer in peers[:-1]:
            peer.send(answer("old", peer.challenge), {"Hello": 0})
        server.wait_for(r"192\.0\.2\.2 failed to authenticate 10 times within a minute; .* closed for 10 s")
        assert is_closed_at_once(server, "192.0.2.2")
        assert [last_message(peer) for peer in peers[:-1]] == [WRONG] * 40
        # One that has the new secret was there as well, and now its address is let in.
        peers[-1].send(answer("new", peers[-1].challenge), {"Hello": 0})
        assert "Hello" in peers[-1].receive()
        assert not is_closed_at_once(server, "192.0.2.2")

    def who_guesses_is_not_heard():
        """Also on connections that were opened beforehand: no more than may wait."""
        server = scene.server("-s", "new", name="server-guessed")
        peers = arrive(server, "192.0.2.3", 3 * WAIT_MOST)
        for peer in peers[:-1]:
            peer.send(answer("old", peer.challenge), {"Hello": 0})
        eventually(lambda: server.count("closed for 10 s"), "it is shut out")
        peers[-1].send(answer("new", peers[-1].challenge), {"Hello": 0})
        answers = [last_message(peer) for peer in peers]
        assert answers[-1] is None
        assert answers.count(None) + answers.count(WRONG) == len(peers), answers
        assert answers.count(WRONG) <= WAIT_MOST, answers

    def fail(server, source, count):
        """At the same time; returns the answers."""
        peers = arrive(server, source, count)
        for peer in peers:
            peer.send(answer("old", peer.challenge), {"Hello": 0})
        return [last_message(peer) for peer in peers]

    def who_had_a_port_before_a_restart():
        """Its clients have an old secret, and the server has it in its state file that they are to come back."""
        options = ["--state-file", f"{scene.folder}/state", "--min-port", 20000, "--max-port", 20999]
        server = scene.server("-s", "old", *options, name="server-before")
        before = arrive(server, "192.0.2.1", 1)[0]
        before.send(answer("old", before.challenge), {"Hello": 0})
        assert "Hello" in before.receive()
        server.end()
        server = scene.server("-s", "new", *options, name="server-behind")
        assert fail(server, "192.0.2.1", 30) == [WRONG] * 30
        assert not is_closed_at_once(server, "192.0.2.1")
        assert fail(server, "192.0.2.2", 30) == [WRONG] * 30
        assert is_closed_at_once(server, "192.0.2.2")
        assert server.count("192.0.2.1 failed to authenticate 10 times") == 0

    def many_come_back():
        """The server remembers nobody; those who were shut out fail once each, and none is shut out again."""
        server = scene.server("-s", "new", name="server-site")
        assert fail(server, "192.0.2.1", 20) == [WRONG] * 20
        path = scene.file("site", "old")
        clients = [scene.rebore("local", service_port, "--to", f"192.0.2.1:{server.control_port}", "--secret-file", path,
                                "--auth-retry", 3600, name="client-site") for _ in range(3)]
        for client in clients:
            client.wait_for("shut out this address|Connection reset")
        eventually(lambda: not is_closed_at_once(server, "192.0.2.1"), "the address is let in again")
        assert fail(server, "192.0.2.1", 20) == [WRONG] * 20
        assert not is_closed_at_once(server, "192.0.2.1")
        scene.file("site", "new")
        for client in clients:
            client.wait_for(CONNECTED)

    parallel(who_is_there_is_told, who_guesses_is_not_heard, who_had_a_port_before_a_restart, many_come_back)
