#!/usr/bin/env python3
"""What a client's own second connection displaces is no stranger's deed, also when its answer never came: the client
takes its place back, with --no-reconnect too."""
from harness import Scene, answer, parallel

ANNOUNCE = {"Announce": {"version": 1, "can": ["heartbeat", "lease"], "lease_ms": 30000}}
DISPLACED = {"Bye": {"displaced": True}}


def stand(control, port=4242):
    """Grants what a Hello asks for. Returns the attempt."""
    control.asked = control.receive()["Hello"]
    attempt = control.receive()["Announce"]["attempt"]
    control.send({"Hello": port}, ANNOUNCE)
    return attempt


with Scene() as scene:
    service_port = scene.echo_service()

    def goes_on(client, control, attempt):
        """It asks for its port again at once, with a higher number, and stays."""
        newer = stand(control)
        assert control.asked == 4242 and newer > attempt, (control.asked, newer, attempt)
        client.wait_for("a second one has taken its place")
        control.send("Heartbeat")
        assert not client.count("another client with our instance"), client.log()
        assert not client.count("connection lost"), client.log()
        assert client.end() == 0
        assert control.receive_but_heartbeats() == "Bye"

    def unanswered():
        """The second connection ends without an answer, and before there is a third the first has its Bye."""
        fake = scene.fake_server()
        client = scene.client(service_port, fake, "--no-reconnect", connected=False, name="client-unanswered")
        first = fake.accept()
        stand(first)
        second = fake.accept()
        assert second.receive() == {"Hello": 4242}
        attempt = second.receive()["Announce"]["attempt"]
        second.close()
        first.send(DISPLACED)
        goes_on(client, fake.accept(), attempt)

    def timed_out():
        """The second one's answer takes too long; then the first speaks, which calls a third off, and has its Bye."""
        fake = scene.fake_server()
        client = scene.client(service_port, fake, "--no-reconnect", "-s", "abc", connected=False, name="client-timed-out")
        first = challenged(fake)
        stand(first)
        second = challenged(fake)
        assert second.receive() == {"Hello": 4242}
        attempt = second.receive()["Announce"]["attempt"]
        assert second.ending() == "end"
        fake.accept()  # the third, which waits for its challenge
        first.send("Heartbeat", DISPLACED)
        goes_on(client, challenged(fake), attempt)

    def strangers():
        """Without a Hello of our own it is another client, and --no-reconnect ends."""
        fake = scene.fake_server()
        client = scene.client(service_port, fake, "--no-reconnect", "-s", "abc", connected=False, name="client-stranger")
        first = challenged(fake)
        stand(first)
        fake.accept()  # waits for its challenge: it has not said Hello
        first.send(DISPLACED)
        client.wait_for("error: another client with our instance has taken our place")
        assert client.status() == 0

    def challenged(fake):
        control = fake.accept()
        challenge = "00112233-4455-4677-8899-aabbccddeeff"
        control.send({"Challenge": challenge})
        assert control.receive() == answer("abc", challenge)
        return control

    parallel(unanswered, timed_out, strangers)
