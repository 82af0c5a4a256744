#!/usr/bin/env python3
"""A client that is displaced for the third time becomes another one, says so, and leaves the port to the other."""
import json

from harness import Scene, eventually


def stand(fake, port):
    """Grants a port. Returns the control connection, and what the client said of itself."""
    control = fake.accept_client(port)
    control.who = control.receive()["Announce"]
    control.send({"Announce": {"version": 1, "can": ["lease"], "lease_ms": 30000}})
    return control


def displaced(*options):
    """The ports that are asked for, and the instances, over three displacements and a fourth connection."""
    with Scene() as scene:
        fake = scene.fake_server()
        path = scene.folder + "/state"
        client = scene.client(scene.echo_service(), fake, "--state-file", path, "--max-reconnect-delay", 1, *options, connected=False)
        asked, instances = [], []
        for turn in range(4):
            control = stand(fake, 4242 if turn < 3 else 4243)
            asked.append(control.asked)
            instances.append(control.who["instance"])
            client.wait_for_count("public address", turn + 1)
            assert client.count("taking a new identity") == (turn == 3)
            if turn < 3:
                control.send({"Bye": {"displaced": True}})
        client.wait_for(r"error: displaced 3 times .*copy.*; taking a new identity")

        def is_kept():
            with open(path, encoding="utf-8") as file:
                return json.load(file)["instance"] == instances[3]
        eventually(is_kept, "the new identity is in the state file")
        for instance in instances:
            assert instance not in client.log()
        return asked, instances


ports, names = displaced()
assert ports == [0, 4242, 4242, 0], ports
assert len(set(names[:3])) == 1 and names[3] != names[0], names

# One who asks for a port by its number means it; as another client it is refused while the other lives
ports, names = displaced("-p", 4242)
assert ports == [4242] * 4, ports
assert len(set(names[:3])) == 1 and names[3] != names[0], names
