#!/usr/bin/env python3
"""An option goes before REBORE_ in the environment, that before BORE_, and that before the default; short forms are bore's."""
from harness import Scene, free_port, parallel

with Scene() as scene:
    fake_ports = {name: scene.fake_server() for name in ("option", "REBORE", "BORE")}
    address = {name: f"127.0.0.1:{fake.control_port}" for name, fake in fake_ports.items()}

    def to():
        """One after the other, as all go to the same three servers"""
        everything = {"REBORE_SERVER": address["REBORE"], "BORE_SERVER": address["BORE"], "BORE_LOCAL_PORT": "2"}
        for options, env, expected in (
                (["--to", address["option"]], everything, "option"),
                (["-t", address["option"]], everything, "option"),
                ([], everything, "REBORE"),
                ([], everything | {"REBORE_SERVER": None}, "BORE"),
                # An empty variable counts as none
                ([], everything | {"REBORE_SERVER": ""}, "BORE")):
            client = scene.rebore("local", *options, env=env, name="client-to")
            fake_ports[expected].accept()
            client.end()

    def local_port():
        """Seen in the log of a visitor that is refused."""
        ports = {name: free_port() for name in ("option", "REBORE", "BORE")}
        env = {"REBORE_LOCAL_PORT": ports["REBORE"], "BORE_LOCAL_PORT": ports["BORE"]}
        env = {name: str(port) for name, port in env.items()}
        for operand, env, expected in (([ports["option"]], env, "option"), ([], env, "REBORE"),
                                       ([], env | {"REBORE_LOCAL_PORT": None}, "BORE")):
            fake = scene.fake_server()
            client = scene.rebore("local", *operand, "-l", "127.0.0.1", "--to", f"127.0.0.1:{fake.control_port}", env=env,
                                  name="client-port")
            fake.announce(fake.accept_client())
            client.wait_for(rf"cannot reach the local service at 127\.0\.0\.1:{ports[expected]}:")
            client.end()

    def ports():
        for options, env, low in (
                (["--min-port", 21000, "--max-port", 21000], {"REBORE_MIN_PORT": "22000", "REBORE_MAX_PORT": "22000"}, 21000),
                ([], {"REBORE_MIN_PORT": "22000", "REBORE_MAX_PORT": "22000", "BORE_MIN_PORT": "23000",
                      "BORE_MAX_PORT": "23000"}, 22000),
                ([], {"BORE_MIN_PORT": "23000", "BORE_MAX_PORT": "23000"}, 23000)):
            server = scene.server(*options, env=env, name="server-ports")
            assert scene.hello(server).public_port == low
            other = scene.connect(server)
            other.send({"Hello": low + 1})
            assert other.receive() == {"Error": "client port number not in allowed range"}
            other = scene.connect(server)
            other.send({"Hello": 0})
            assert other.receive() == {"Error": "failed to find an available port"}
            server.end()

    def default_range():
        server = scene.server(name="server-default")
        for port in (1, 1023):
            peer = scene.connect(server)
            peer.send({"Hello": port})
            assert peer.receive() == {"Error": "client port number not in allowed range"}
        for _ in range(20):
            assert scene.hello(server).public_port >= 1024

    def secrets():
        secret_file = scene.file("secret", "from file\n")
        for client_options, client_env, secret in (
                (["-s", "from option"], {"REBORE_SECRET": "x", "BORE_SECRET": "y"}, "from option"),
                (["--secret-file", secret_file], {"REBORE_SECRET": "x", "BORE_SECRET": "y"}, "from file"),
                ([], {"REBORE_SECRET": "from rebore", "BORE_SECRET": "y"}, "from rebore"),
                ([], {"BORE_SECRET": "from bore"}, "from bore"),
                # The empty secret is one, and differs from none
                ([], {"BORE_SECRET": ""}, ""), (["-s", ""], {"BORE_SECRET": "y"}, "")):
            server = scene.server("--secret", secret, name="server-secret")
            client = scene.client(1, server, *client_options, env=client_env, name="client-secret")
            client.end()
            server.end()
        server = scene.server("--secret", "", name="server-empty-secret")
        client = scene.client(1, server, connected=False, name="client-no-secret")
        assert client.status() == 77

    parallel(to, local_port, ports, default_range, secrets)
