#!/usr/bin/env python3
"""The first failure is retried like any other: a server that is down, a name that does not resolve yet, a silent host."""
from harness import OWN_MOUNTS, Scene, echoes, free_port, need, parallel

with Scene(network=True) as scene:
    service_port = scene.echo_service()
    need("mount")
    hosts = scene.file("hosts", "127.0.0.1 localhost\n", 0o644)
    # Names come from our own file alone
    nsswitch = scene.file("nsswitch.conf", "hosts: files\n", 0o644)
    own_hosts = [*OWN_MOUNTS, "sh", "-c", f"mount --bind {hosts} /etc/hosts &&"
                 f" mount --bind {nsswitch} /etc/nsswitch.conf && exec \"$@\"", "sh"]

    def server_is_down():
        port = free_port()
        client = scene.client(service_port, port, connected=False, name="client-server-down")
        client.wait_for(r"no connection \(cannot connect to 127\.0\.0\.1:\d+: Connection refused\); trying again in")
        scene.server(control_port=port, name="server-late")
        assert echoes(client.public_port(), b"up now")

    def name_is_unknown():
        server = scene.server(name="server-named")
        client = scene.rebore("local", service_port, "--to", f"tunnel.test:{server.control_port}", launcher=own_hosts,
                              name="client-name-unknown")
        client.wait_for(r"no connection \(cannot resolve tunnel\.test: .+\); trying again in")
        with open(hosts, "a", encoding="ascii") as file:
            file.write("127.0.0.1 tunnel.test\n")
        port = int(client.wait_for(rf"connected to tunnel\.test:{server.control_port}, public address"
                                   r" tunnel\.test:(\d+)")[1])
        assert echoes(port, b"known now")

    def peer_is_silent():
        fake = scene.fake_server()
        client = scene.client(service_port, fake, connected=False, name="client-silent-server")
        first = fake.accept()
        assert first.receive() == {"Hello": 0}
        client.wait_for(r"no connection \(.+\); trying again in")
        fake.accept_client(port=4242)
        assert client.public_port() == 4242

    def network_is_down():
        # An address that no route leads to
        client = scene.rebore("local", service_port, "--to", "192.0.2.1", name="client-no-network")
        client.wait_for(r"no connection \(cannot connect to 192\.0\.2\.1:7835: Network is unreachable\);"
                        r" trying again in")

    parallel(server_is_down, name_is_unknown, peer_is_silent, network_is_down)
