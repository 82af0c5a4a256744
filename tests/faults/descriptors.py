#!/usr/bin/env python3
"""Descriptors run out in the middle, on either side: who is there stays, newcomers are shed, all is well afterwards."""
import resource
import time

from faults import Probe, Stage, Stream, described, eventually, main, show, told, within


def limit(process, most):
    """Sets the soft limit of a running process, and returns the old one."""
    before = resource.prlimit(process.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (most, before[1]))
    return before[0]


def run_out(who, most_again=2.0):
    with Stage() as stage:
        tunnel = stage.tunnel()
        process = getattr(tunnel, who)
        stream = Stream(stage, tunnel.port)
        probe = Probe(stage, tunnel.port, deadline_s=15)
        probe.wait_served(0)
        time.sleep(0.3)
        mark, client_mark = process.mark(), tunnel.client.mark()
        cpu = process.cpu_s()
        start = time.time()
        before = limit(process, process.descriptors())  # not one more
        time.sleep(3)
        flowing = stream.received
        limit(process, before)
        end = time.time()
        cpu = process.cpu_s() - cpu
        eventually(lambda: stream.received > flowing, "the stream goes on")
        again = probe.wait_served(end) - end
        time.sleep(1)
        probe.stop()
        lost = stream.stop()
        after = probe.unserved(after=end)
        lines = process.count("\n", mark)
        told(f"{who} out of descriptors for 3 s", None, again, len(after), lost, True,
             f"{len(probe.unserved())} turned away meanwhile, {cpu:.2f} s of processor, {lines} lines logged")
        show((process, mark))
        assert process.is_running()
        assert not tunnel.client.count("connection lost", client_mark), "the control connection did not need to go"
        assert lost == 0, lost
        within(cpu, 1, "processor time: it spins")
        within(again, most_again, "served again")
        assert not after, described(after, start)


def of_the_server():
    run_out("server")


def of_the_client():
    run_out("client")


def client_cannot_return():
    """Without one descriptor for a new connection the client tries on, and is back when it has one."""
    with Stage() as stage:
        tunnel = stage.tunnel()
        mark = tunnel.client.mark()
        before = limit(tunnel.client, 3)
        tunnel.server.end()
        tunnel.client.wait_for("connection lost", mark)
        stage.serve(name="server-again")
        tunnel.client.wait_for("no connection", mark)
        limit(tunnel.client, before)
        end = time.time()
        same = tunnel.client.public_port(mark) == tunnel.port
        told("client without a descriptor while its server restarts", again=time.time() - end, same_port=same)
        show((tunnel.client, mark))
        assert same
        within(time.time() - end, 6, "back")


main(of_the_server, of_the_client, client_cannot_return)
