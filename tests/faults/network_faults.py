#!/usr/bin/env python3
"""The client's own network changes: another address, another route, a NAT that forgets, a name that leads elsewhere."""
import signal
import subprocess
import time

from faults import (LOST, OWN_MOUNTS, PATIENCE, Probe, Stage, Stream, ask, cable, described, eventually, main, need, nft,
                    show, sysctl, times, told, within)


def story(stage, name, fault, most_again, most_noticed=None, client_options=(), stream_survives=False,
          server_kind="rebore", client_kind="rebore", breaks_streams=False, pattern=LOST, interval_s=0.1):
    """Plays fault, which returns when it was over, and asserts that the tunnel is back. breaks_streams: whoever is being
    served at that moment is lost with the connection."""
    tunnel = stage.tunnel(client_options=client_options, server_kind=server_kind, client_kind=client_kind)
    stream = Stream(stage, tunnel.port) if stream_survives else None
    probe = Probe(stage, tunnel.port, interval_s, deadline_s=60)
    probe.wait_served(0)
    mark, server_mark = tunnel.client.mark(), tunnel.server.mark()
    start = time.time()
    end = fault() or time.time()
    again = probe.wait_served(end) - end
    time.sleep(1)
    probe.stop()
    lost = stream.stop() if stream else None
    noticed = [at - start for at in times(tunnel.client, pattern, mark)]
    unserved = probe.unserved(after=end if breaks_streams else 0)
    same = not tunnel.client.count("new public address", mark)
    told(name, noticed[0] if noticed else None, again, len(unserved), lost, same)
    show((tunnel.client, mark), (tunnel.server, server_mark))
    assert same
    assert not lost, lost
    within(again, most_again, "served again")
    if most_noticed is not None:
        within(noticed[0], most_noticed, "noticed")
    assert not unserved, described(unserved, start)
    return tunnel


def address_replaced():
    """As at a new lease of DHCP, or a move to another network."""
    with Stage() as stage:
        story(stage, "client's address replaced", lambda: stage.client_host.ip(
            "addr del 10.0.1.2/24 dev eth0", "addr add 10.0.1.77/24 dev eth0", "route add default via 10.0.1.1"), 3, 1,
              breaks_streams=True)


def second_way(stage):
    """A second interface of the client, to the same router."""
    cable(stage.client_host, "client2", "eth1")
    for host in (stage.client_host,):
        host.sysctl("ipv4.conf.all.rp_filter", 0)


def default_route_replaced():
    """The first way is silently dead, and the system is told of another."""
    with Stage() as stage:
        second_way(stage)

        def fault():
            stage.path.drop()
            stage.client_host.ip("route replace default via 10.0.6.1")

        story(stage, "default route replaced", fault, 3, 2.5, breaks_streams=True)


def link_down_and_up():
    """A cable pulled for 12 s: beyond the heartbeat deadline, so only the link event brings the client back early."""
    with Stage() as stage:
        def fault():
            stage.client_host.ip("link set eth0 down")
            time.sleep(12)
            stage.client_host.ip("link set eth0 up", "route add default via 10.0.1.1")

        story(stage, "client's link down for 12 s", fault, 3, interval_s=0.4)


def link_flaps():
    """Down and up at once: the address stays, what was under way goes on."""
    with Stage() as stage:
        story(stage, "client's link down for a moment", lambda: stage.client_host.ip(
            "link set eth0 down", "link set eth0 up", "route add default via 10.0.1.1"), 2.5, stream_survives=True)


def other_links_flap():
    """Interfaces that have nothing to do with the server come and go: nothing happens."""
    with Stage() as stage:
        def fault():
            for number in range(10):
                stage.client_host.ip(f"link add pod{number} type veth peer name peer{number}",
                                     f"addr add 10.9.{number}.1/24 dev pod{number}", f"link set pod{number} up",
                                     f"link set peer{number} up", f"link del pod{number}")

        tunnel = story(stage, "links of containers come and go", fault, 1, stream_survives=True)
        assert not tunnel.client.count(LOST)


def nat_forgets():
    """The router translates, forgets, and drops what it does not know any more, as home routers do."""
    need("conntrack")
    with Stage() as stage:
        nft("add table ip nat", "add chain ip nat post { type nat hook postrouting priority 100; }",
            'add rule ip nat post oifname "server" masquerade random')
        nft('add rule inet faults forward ct state invalid drop',
            'add rule inet faults input iifname "server" meta l4proto tcp drop')
        sysctl("netfilter.nf_conntrack_tcp_loose", 0)
        story(stage, "a NAT forgets", lambda: subprocess.run(
            ["conntrack", "-F"], check=True, stderr=subprocess.DEVNULL) and None, 4, breaks_streams=True)


def forgetful_nat(idle_s):
    """The router forgets a connection that was idle for so long, and drops in silence what comes on it then."""
    nft("add table ip nat", "add chain ip nat post { type nat hook postrouting priority 100; }",
        'add rule ip nat post oifname "server" masquerade random')
    nft('add rule inet faults forward ct state invalid drop',
        'add rule inet faults input iifname "server" meta l4proto tcp drop')
    sysctl("netfilter.nf_conntrack_tcp_loose", 0)
    sysctl("netfilter.nf_conntrack_tcp_timeout_established", idle_s)
    sysctl("netfilter.nf_conntrack_tcp_timeout_unacknowledged", idle_s)


def connections_known():
    """How many established ones the NAT knows: what has expired is not listed."""
    listed = subprocess.run(["conntrack", "-L", "-p", "tcp", "--state", "ESTABLISHED"], check=True,
                            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    return len(listed.stdout.splitlines())


def nat_forgets_spares():
    """The first of the visitors behind that loses a moment to a dead spare, and no other does."""
    need("conntrack")
    with Stage() as stage:
        forgetful_nat(2)
        tunnel = stage.tunnel()
        eventually(lambda: connections_known() >= 5, "control, and four spares")
        eventually(lambda: connections_known() == 1, "the NAT has forgotten all but the control connection")
        delays_s = []
        for _ in range(6):
            start = time.monotonic()
            with stage.visitor_host.connect(stage.server_host.address, tunnel.port) as visitor:
                assert ask(visitor, b"x") == b"x"
            delays_s.append(time.monotonic() - start)
        told("a NAT forgets spares", more="visitors served after " + ", ".join(f"{delay:.3f}" for delay in delays_s))
        show((tunnel.client, 0), (tunnel.server, 0))
        assert not tunnel.client.count(LOST)
        assert tunnel.server.count("did not answer") <= 1, "the others were tried, too"
        within(max(delays_s), 0.5, "the first")


def keepalive_outlasts_nat():
    """Neither spares nor visitors who are silent die where --keepalive is shorter than the memory of the NAT."""
    with Stage() as stage:
        forgetful_nat(3)
        tunnel = stage.tunnel(client_options=("--keepalive", 1), server_options=("--keepalive", 1))
        with stage.visitor_host.connect(stage.server_host.address, tunnel.port) as visitor:
            assert ask(visitor, b"before") == b"before"
            time.sleep(7)  # the NAT's time is what this is about
            visitor.settimeout(5 * PATIENCE)
            assert ask(visitor, b"after") == b"after"
        start = time.monotonic()
        with stage.visitor_host.connect(stage.server_host.address, tunnel.port) as visitor:
            assert ask(visitor, b"x") == b"x"
        took = time.monotonic() - start
        told("keepalive outlasts a NAT", more=f"a visitor served after {took:.3f} s")
        assert not tunnel.server.count("did not answer"), "a spare was dead"
        within(took, 1, "served")


def nat_forgets_bore_client():
    """A client of bore never notices; at least its server does, and gives its port to the next one."""
    need("conntrack")
    with Stage() as stage:
        nft("add table ip nat", "add chain ip nat post { type nat hook postrouting priority 100; }",
            'add rule ip nat post oifname "server" masquerade random')
        nft('add rule inet faults forward ct state invalid drop',
            'add rule inet faults input iifname "server" meta l4proto tcp drop')
        sysctl("netfilter.nf_conntrack_tcp_loose", 0)
        tunnel = stage.tunnel(client_kind="bore")
        subprocess.run(["conntrack", "-F"], check=True, stderr=subprocess.DEVNULL)
        start = time.time()
        tunnel.server.wait_for("is gone", deadline_s=40)
        took = time.time() - start
        told("a NAT forgets a bore client", took)
        show((tunnel.server, 0), (tunnel.client, 0))
        within(took, 18, "the server notices")


def name_leads_elsewhere():
    """The first server dies, and its name leads to another: looked up anew at each attempt."""
    need("mount")
    with Stage("backup") as stage:
        hosts = stage.file("hosts", "10.0.2.2 tunnel.example\n", 0o644)
        service_port = stage.serve_echo()
        first = stage.serve(name="first")
        second = stage.serve(host=stage.hosts["backup"], name="second")
        client = stage.join(service_port, to="tunnel.example", launcher=(
            *OWN_MOUNTS, "sh", "-c", f'mount --bind {hosts} /etc/hosts && exec "$@"', "sh"))
        port = client.public_port()
        mark = client.mark()
        probe = Probe(stage, port, host=stage.hosts["backup"], address=stage.hosts["backup"].address)
        start = time.time()
        first.end(signal.SIGKILL)
        with open(hosts, "w", encoding="ascii") as file:
            file.write("10.0.5.2 tunnel.example\n")
        end = time.time()
        again = probe.wait_served(end) - end
        probe.stop()
        same = client.public_port(mark) == port
        told("the server's name leads to another one", times(client, LOST, mark)[0] - start, again, None, None, same)
        show((client, mark), (second, 0))
        assert same
        within(again, 3, "served again")


main(link_down_and_up, address_replaced, default_route_replaced, link_flaps, other_links_flap,
     nat_forgets, nat_forgets_spares, keepalive_outlasts_nat, nat_forgets_bore_client, name_leads_elsewhere)
