#!/usr/bin/env python3
"""IPv4, IPv6, both at once, and names: for the control port, the public port and the local service."""
import re
import socket

from harness import OWN_MOUNTS, Scene, echoes, has_ipv6_loopback, is_refused, need, parallel, skip, visit

with Scene(network=True) as scene:
    if not has_ipv6_loopback():
        skip("no IPv6 here")
    need("mount")
    v4_service = scene.echo_service()
    v6_service = scene.echo_service("::1")
    hosts = scene.file("hosts", "127.0.0.1 localhost\n::1 localhost\n127.0.0.1 four.test both.test\n"
                       "::1 six.test both.test\n", 0o644)
    nsswitch = scene.file("nsswitch.conf", "hosts: files\n", 0o644)
    own_hosts = [*OWN_MOUNTS, "sh", "-c", f"mount --bind {hosts} /etc/hosts &&"
                 f" mount --bind {nsswitch} /etc/nsswitch.conf && exec \"$@\"", "sh"]
    server = scene.server("--bind-addr", "::")
    assert server.count(rf"listening on \[::\]:{server.control_port}") == 1

    def tunnel(to, *options, service, name):
        return scene.rebore("local", service, "--to", to, *options, launcher=own_hosts, name=name)

    def to(written, shown, service=v4_service):
        """A way to write the server's address, and how the log shows the public one"""
        client = tunnel(written, service=service, name="client")
        port = client.public_port()
        assert client.count(rf"public address {re.escape(shown)}:{port}") == 1
        for host in ("127.0.0.1", "::1"):
            assert echoes(port, b"through " + written.encode(), host)
        client.end()

    def local(host, service, works=True):
        client = tunnel(f"127.0.0.1:{server.control_port}", "--local-host", host, service=service,
                        name=f"client-local-{host.strip(':')}")
        try:
            with visit(client.public_port()) as visitor:
                visitor.sendall(b"x")
                assert visitor.recv(1) == b"x" and works, host
        except ConnectionError:
            assert not works, (host, client.log())

    def logs_show_plain_addresses():
        """A visitor by IPv4 of a dual-stack server is shown as such."""
        client = tunnel(f"127.0.0.1:{server.control_port}", service=v4_service, name="client-plain")
        port = client.public_port()
        for host, shown in (("127.0.0.1", r"127\.0\.0\.1"), ("::1", r"\[::1\]")):
            with visit(port, host) as visitor:
                visitor.sendall(b"x")
                assert visitor.recv(1) == b"x"
                own = visitor.getsockname()[1]
            server.wait_for(rf"visitor [0-9a-f]{{8}} from {shown}:{own} on port {port}: ")

    def bind_tunnels():
        split = scene.server("--bind-addr", "127.0.0.1", "--bind-tunnels", "127.0.0.2", name="server-split")
        client = scene.client(v4_service, split, name="client-split")
        port = client.public_port()
        assert echoes(port, b"x", "127.0.0.2")
        assert is_refused(port, "127.0.0.1")
        assert is_refused(split.control_port, "127.0.0.2")
        follows = scene.server("--bind-addr", "127.0.0.3", name="server-follows")
        client = scene.rebore("local", v4_service, "--to", f"127.0.0.3:{follows.control_port}", name="client-follows")
        port = client.public_port()
        assert echoes(port, b"x", "127.0.0.3") and is_refused(port, "127.0.0.1")
        four = scene.server("--bind-addr", "127.0.0.1", "--bind-tunnels", "::", name="server-mixed")
        client = scene.client(v4_service, four, name="client-mixed")
        for host in ("127.0.0.1", "::1"):
            assert echoes(client.public_port(), b"x", host)

    def default_control_port():
        own = scene.server("--bind-addr", "127.0.0.7", control_port=7835, name="server-default")
        assert own.control_port == 7835
        for written in ("127.0.0.7", "127.0.0.7:7835"):
            assert scene.rebore("local", v4_service, "--to", written, name="client-default").public_port()

    def dead_address_first():
        """A name with an address that refuses and one that serves: the second is found at once."""
        own = scene.server("--bind-addr", "127.0.0.1", name="server-four-only")
        client = tunnel(f"both.test:{own.control_port}", service=v4_service, name="client-both")
        assert echoes(client.public_port(), b"x")

    port = server.control_port
    parallel(
        lambda: to(f"127.0.0.1:{port}", "127.0.0.1"), lambda: to(f"[::1]:{port}", "[::1]"),
        lambda: to(f"localhost:{port}", "localhost"), lambda: to(f"six.test:{port}", "six.test"),
        lambda: to(f"four.test:{port}", "four.test", v6_service),
        lambda: local("127.0.0.1", v4_service), lambda: local("::1", v6_service),
        lambda: local("localhost", v4_service), lambda: local("localhost", v6_service),
        lambda: local("six.test", v6_service), lambda: local("four.test", v4_service),
        lambda: local("both.test", v6_service), lambda: local("both.test", v4_service),
        lambda: local("::1", v4_service, works=False),
        logs_show_plain_addresses, bind_tunnels, default_control_port, dead_address_first)
    assert socket.has_dualstack_ipv6()
