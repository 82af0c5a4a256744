#!/usr/bin/env python3
"""Only explicit evidence ends the client for good, with advice; everything else, known or unknown, is retried."""
import re
import uuid

from harness import Scene, answer, parallel

SECRET = "s3cret"
REFUSED, IMPOSSIBLE = 77, 78

# What the server says in its Error: the exit status, or None where it is retried, and what the log advises
ERRORS = {
    "invalid secret": (REFUSED, r"secret here and on the server are the same"),
    "server requires secret, but no secret was provided": (REFUSED, r"--secret-file"),
    "client port number not in allowed range": (IMPOSSIBLE, r"--port.*--min-port and --max-port"),
    "port already in use": (None, r"another client or program holds"),
    "permission denied": (None, ""),
    "failed to bind to port": (None, ""),
    "failed to find an available port": (None, ""),
    "timed out waiting for initial message": (None, ""),
    "frame error, invalid byte length": (None, ""),
    "unable to parse message": (None, ""),
    "Invalid secret": (None, ""),
    "invalid secret ": (None, ""),
    "who knows what": (None, ""),
    "": (None, ""),
}


def check(client, status, pattern):
    """Ended with status, or (None) said that it tries again and does."""
    if status is None:
        first = client.wait_for(r"(no connection|connection lost) \((.*)\); trying again in")
        assert re.search(pattern, first[2]), first[0]
        assert client.is_running()
        assert client.end() == 0
    else:
        assert client.status() == status, client.popen.returncode
        assert client.count("trying again") == 0
        client_log = client.log()
        assert client.count("error: .*" + pattern) == 1, client_log


with Scene() as scene:
    def error_instead_of_hello(text, status, advice):
        fake = scene.fake_server()
        client = scene.client(1, fake, connected=False, name="client-error")
        peer = fake.accept()
        peer.receive()
        peer.send({"Error": text})
        client.wait_for('the server says "' + text.replace("(", r"\("))
        check(client, status, advice)

    def error_when_established(text, status, advice):
        """At the hundredth connection as at the first, on an established one as in the handshake"""
        fake = scene.fake_server()
        client = scene.client(1, fake, connected=False, name="client-late-error")
        fake.accept_client().send({"Error": text})
        client.wait_for(r"connection lost \(the server says")
        peer = fake.accept()
        assert peer.receive() == {"Hello": 4242}
        peer.send({"Error": text})
        if status is None:
            fake.accept()
        else:
            assert client.status() == status
            assert client.count("error: .*" + advice) == 1

    def error_instead_of_challenge():
        fake = scene.fake_server()
        client = scene.client(1, fake, "-s", SECRET, connected=False, name="client-error-challenge")
        fake.accept().send({"Error": "permission denied"})
        check(client, None, "permission denied")

    def error_behind_authenticate():
        fake = scene.fake_server()
        client = scene.client(1, fake, "-s", SECRET, connected=False, name="client-wrong-secret")
        peer = fake.accept()
        challenge = str(uuid.uuid4())
        peer.send({"Challenge": challenge})
        assert peer.receive() == answer(SECRET, challenge)
        peer.send({"Error": "invalid secret"})
        check(client, REFUSED, "invalid secret")

    def challenge_without_secret():
        fake = scene.fake_server()
        client = scene.client(1, fake, connected=False, name="client-no-secret")
        peer = fake.accept()
        peer.send({"Challenge": str(uuid.uuid4())})
        check(client, REFUSED, "requires a secret.*--secret-file")

    def other_message_for_challenge(message):
        fake = scene.fake_server()
        client = scene.client(1, fake, "-s", SECRET, connected=False, name="client-needless-secret")
        peer = fake.accept()
        peer.send(message)
        check(client, REFUSED, "runs without a secret")

    def no_message_of_a_server(message):
        """As a portal might answer, or a server of another kind"""
        fake = scene.fake_server()
        client = scene.client(1, fake, "-s", SECRET, connected=False, name="client-portal")
        fake.accept().send(message)
        check(client, None, "in place of a challenge")

    def no_evidence(act, secret, pattern):
        fake = scene.fake_server()
        options = ["-s", SECRET] if secret else []
        client = scene.client(1, fake, *options, connected=False, name="client-no-evidence")
        act(fake.accept())
        check(client, None, pattern)

    tests = []
    for row in ERRORS.items():
        tests.append(lambda row=row: error_instead_of_hello(row[0], *row[1]))
    for text in ("invalid secret", "port already in use", "who knows what"):
        tests.append(lambda text=text: error_when_established(text, *ERRORS[text]))
    tests += [error_instead_of_challenge, error_behind_authenticate, challenge_without_secret]
    for message in ({"Hello": 4242}, "Heartbeat", {"Connection": str(uuid.uuid4())}):
        tests.append(lambda message=message: other_message_for_challenge(message))
    for message in ({"error": "login required"}, "Welcome", {"Accept": str(uuid.uuid4())}, "Taken", "Bye",
                    {"Authenticate": "00"}, {"Announce": {"version": 1, "can": []}}):
        tests.append(lambda message=message: no_message_of_a_server(message))
    hint = "may run without a secret"
    held = []
    for act, with_secret, pattern in (
            (lambda peer: peer.close(), True, hint),
            (lambda peer: peer.reset(), True, f"{hint}|Connection reset"),  # perhaps before it stood
            (held.append, True, hint),  # silent
            (lambda peer: peer.close(), False, ""),
            (lambda peer: peer.reset(), False, ""),
            (lambda peer: peer.send(b"HTTP/1.1 400 Bad Request\r\n\r\n" + b"x" * 300), True, ""),
            (lambda peer: peer.send(b"HTTP/1.1 400 Bad Request\r\n\r\n" + b"x" * 300), False, ""),
            (lambda peer: peer.send({"Hello": 65536}), False, ""),
            (lambda peer: peer.send(b'{"Challenge":"not a uuid"}\0'), True, ""),
            (lambda peer: peer.send("Heartbeat"), False, "")):
        tests.append(lambda act=act, with_secret=with_secret, pattern=pattern: no_evidence(act, with_secret, pattern))
    parallel(*tests)
