#!/usr/bin/env python3
"""The same failure again and again is one line, not a hundred; a new one is told at once; --verbose shows all."""
from harness import AGAIN, Scene, free_port, parallel

with Scene() as scene:
    def condensed():
        fake = scene.fake_server()
        client = scene.client(1, fake, "--max-reconnect-delay", 1, connected=False, name="client-condensed")
        for _ in range(4):
            fake.accept().send({"Error": "port already in use"})
        fake.accept().send({"Error": "permission denied"})
        client.wait_for(r"the server says \"permission denied\"\); trying again")
        assert client.count(r"the server says \"port already in use\"") == 1

        # And once more after a connection, which is news
        mark = client.mark()
        fake.accept_client().close()
        for _ in range(2):
            fake.accept().send({"Error": "permission denied"})
        fake.accept_client()
        client.wait_for("connected again", after=mark)
        assert client.count(r"the server says \"permission denied\"", after=mark) == 1

    def verbose():
        client = scene.client(1, free_port(), "-v", "--max-reconnect-delay", 1, connected=False, name="client-verbose")
        client.wait_for_count(r"Connection refused.*" + AGAIN, 4)

    parallel(condensed, verbose)
