#!/usr/bin/env python3
"""A local service that refuses resets the visitor at once, the log names its address, and the tunnel stands."""
from harness import Scene, Took, echoes, ending_of_visit, free_port, within

with Scene() as scene:
    server = scene.server()
    service_port = free_port()
    client = scene.client(service_port, server)
    port = client.public_port()
    for _ in range(3):
        with Took() as took:
            assert ending_of_visit(port) == "reset"
        within(took.s, 1, "the visitor is reset")
    client.wait_for(r"warning: visitor turned away: cannot reach the local service at (127\.0\.0\.1|\[::1\]):"
                    rf"{service_port}: Connection refused")
    assert client.count("visitor turned away") == 1, "condensed"

    # A service that is there later is used
    late = scene.echo_service()
    client = scene.client(late, server, name="client-late")
    assert echoes(client.public_port(), b"there")
    scene.end_service(late)
    assert ending_of_visit(client.public_port()) == "reset"
