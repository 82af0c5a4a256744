#!/usr/bin/env python3
"""A local name that is ::1 leads to ::1, also on a host whose only other address is an IPv4 one."""
import subprocess

from harness import OWN_MOUNTS, Scene, ask, has_ipv6_loopback, need, need_root, skip, visit

need_root()
need("mount", "ip")
with Scene(network=True) as scene:
    if not has_ipv6_loopback():
        skip("no IPv6 here")
    for command in ("ip link add v0 type veth peer name v1", "sysctl -qw net.ipv6.conf.v0.disable_ipv6=1",
                    "sysctl -qw net.ipv6.conf.v1.disable_ipv6=1", "ip addr add 192.0.2.1/24 dev v0",
                    "ip link set v0 up", "ip link set v1 up"):
        subprocess.run(command.split(), check=True)
    hosts = scene.file("hosts", "127.0.0.1 localhost\n::1 six.test\n", 0o644)
    nsswitch = scene.file("nsswitch.conf", "hosts: files\n", 0o644)
    server = scene.server()
    client = scene.client(scene.echo_service("::1"), server, "--local-host", "six.test", launcher=[
        *OWN_MOUNTS, "sh", "-c", f"mount --bind {hosts} /etc/hosts && mount --bind {nsswitch} /etc/nsswitch.conf"
        " && exec \"$@\"", "sh"])
    with visit(client.public_port()) as visitor:
        assert ask(visitor, b"x") == b"x"
