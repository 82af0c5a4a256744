#!/usr/bin/env python3
"""A server that stops does not wait for connections that it has just refused, or whose claim to a port it judges: they
take up to 3 s, and the server half a second, after which it would leave the keys in memory."""
from harness import Scene, Took, parallel

TRIES = 5


with Scene() as scene:
    def fastest_stop(name, begin):
        """The least that a stop takes, in seconds: another process may take the processor meanwhile, but not each time."""
        best = 60
        for number in range(TRIES):
            server = scene.server(name=f"server-{name}-{number}")
            peers = begin(server)
            with Took() as took:
                assert server.end() == 0
            best = min(best, took.s)
            for peer in peers:
                peer.close()
            if best < 0.4:
                break
        return best

    def refused_port(server):
        control = scene.hello(server)
        peer = scene.connect(server)
        peer.send({"Hello": control.public_port})
        assert "Error" in peer.receive()
        return control, peer

    def refused_word(server):
        peer = scene.connect(server)
        peer.send("Heartbeat")
        assert "Error" in peer.receive()
        return (peer,)

    def port_that_is_refused():
        assert (best := fastest_stop("port", refused_port)) < 0.4, best

    def word_that_is_refused():
        assert (best := fastest_stop("word", refused_word)) < 0.4, best

    parallel(port_that_is_refused, word_that_is_refused)
