#!/usr/bin/env python3
"""After a reconnect the client asks for the port it had; one that is taken for half a minute is given up for another."""
from harness import Scene, parallel

with Scene() as scene:
    def any_port():
        fake = scene.fake_server()
        client = scene.client(1, fake, "--max-reconnect-delay", 3, connected=False, name="client-any")
        fake.accept_client(4242).close()
        asked = []
        while True:
            peer = fake.accept()
            asked.append(peer.receive()["Hello"])
            if asked[-1] == 0:
                break
            peer.send({"Error": "port already in use"})
        assert len(asked) > 5 and set(asked[:-1]) == {4242}, asked
        peer.send({"Hello": 4343})
        client.wait_for(r"connected again after 3[0-9]\.\d s, new public address 127\.0\.0\.1:4343")
        client.wait_for(r"warning: the public address has changed: it was 127\.0\.0\.1:4242, it is 127\.0\.0\.1:4343")
        peer.close()
        assert fake.accept().receive() == {"Hello": 4343}

    def chosen_port():
        """A port that the user asked for is asked for, for ever."""
        fake = scene.fake_server()
        scene.client(1, fake, "--port", 4242, "--max-reconnect-delay", 3, connected=False, name="client-chosen")
        fake.accept_client(4242).close()
        for _ in range(14):
            peer = fake.accept()
            assert peer.receive() == {"Hello": 4242}
            peer.send({"Error": "port already in use"})

    parallel(any_port, chosen_port)
