#!/usr/bin/env python3
"""The client fails: killed, stopped, host gone; it, or who may have its port, is back, and nobody is turned away."""
import signal
import time

from faults import Probe, Stage, Stream, described, eventually, main, public_port, show, told, when, within


def killed(name, client_options=(), server_options=(), again_options=None, most_again=1.0, pause_s=0.3):
    """The client is killed and started again, and asks for the port it had. Counted from its second start."""
    with Stage() as stage:
        options = [word.format(folder=stage.folder) for word in client_options]
        tunnel = stage.tunnel(server_options, options)
        probe = Probe(stage, tunnel.port)
        probe.wait_served(0)
        mark = tunnel.server.mark()
        start = time.time()
        status = tunnel.client.end(signal.SIGKILL)
        noticed = when(tunnel.server, "is gone", mark) - start
        time.sleep(pause_s)
        end = time.time()
        again = options if again_options is None else [word.format(port=tunnel.port) for word in again_options]
        client = stage.join(tunnel.service_port, *again, name="client-again")
        same = client.public_port() == tunnel.port
        again_at = probe.wait_served(end)
        time.sleep(0.5)
        probe.stop()
        unserved = probe.unserved(after=start)  # who was being served before ends with the client
        told(name, noticed, again_at - end, len(unserved), None, same)
        show((client, 0), (tunnel.server, mark))
        assert status == -signal.SIGKILL
        assert same
        within(noticed, 0.5, "noticed")
        within(again_at - end, most_again, "served again")
        assert not unserved, described(unserved, start)
        assert client.end() == 0


def sigkill_with_state_file():
    killed("client killed, restarted with its state file", ("--state-file", "{folder}/state"))


def sigkill_same_secret():
    killed("client killed, restarted with the same secret", ("-s", "abc"), ("-s", "abc"),
           ("-s", "abc", "--port", "{port}"))


def sigkill_same_address():
    killed("client killed, restarted at the same address", again_options=("--port", "{port}"))


def sigkill_at_once():
    killed("client killed, restarted at once", ("--state-file", "{folder}/state"), pause_s=0)


def sigkill_stranger():
    """A stranger waits for the lease, and gets the port then; visitors of the old one do not fall into its hands."""
    with Stage("other") as stage:
        other = stage.hosts["other"]
        tunnel = stage.tunnel(("--lease", 4))
        start = time.time()
        tunnel.client.end(signal.SIGKILL)
        waiting = stage.visit(tunnel.port)
        waiting.sendall(b"for the old one")
        heard = []
        stranger = stage.join(other.do(stage.service, lambda conn: heard.append(conn.recv(100))),
                              "--port", tunnel.port, "--max-reconnect-delay", 1, host=other, connected=False,
                              name="stranger")
        stranger.wait_for("port already in use")
        port = public_port(stranger)
        took = time.time() - start
        told("client killed, a stranger asks for the port", more=f"has it after {took:.2f} s of a lease of 4 s")
        show((stranger, 0))
        assert port == tunnel.port
        assert took >= 3.9, took
        within(took, 7, "the stranger has the port")
        assert not heard, heard


def sigstop_3_s():
    """Nothing is lost, and nobody notices."""
    with Stage() as stage:
        tunnel = stage.tunnel()
        stream = Stream(stage, tunnel.port)
        probe = Probe(stage, tunnel.port)
        probe.wait_served(0)
        mark = tunnel.client.mark()
        tunnel.client.send(signal.SIGSTOP)
        time.sleep(3)
        tunnel.client.send(signal.SIGCONT)
        end = time.time()
        again = probe.wait_served(end) - end
        time.sleep(0.5)
        probe.stop()
        lost = stream.stop()
        told("client stopped for 3 s", None, again, len(probe.unserved()), lost, True)
        show((tunnel.client, mark))
        within(again, 1.5, "served again")
        assert not probe.unserved()
        assert lost == 0


def sigstop_12_s():
    """The server gives it up after 8 s and keeps its port; back, it finds its visitors waiting."""
    with Stage() as stage:
        tunnel = stage.tunnel()
        stream = Stream(stage, tunnel.port)
        probe = Probe(stage, tunnel.port, interval_s=0.4)
        probe.wait_served(0)
        mark, server_mark = tunnel.client.mark(), tunnel.server.mark()
        start = time.time()
        tunnel.client.send(signal.SIGSTOP)
        time.sleep(12)
        tunnel.client.send(signal.SIGCONT)
        end = time.time()
        again = probe.wait_served(end) - end
        time.sleep(0.5)
        probe.stop()
        lost = stream.stop()
        noticed = when(tunnel.server, "is gone", server_mark) - start
        same = bool(tunnel.client.count("same public address", mark))
        unserved = probe.unserved()
        told("client stopped for 12 s", noticed, again, len(unserved), lost, same)
        show((tunnel.client, mark), (tunnel.server, server_mark))
        assert 6 <= noticed
        within(noticed, 8.6, "noticed")
        within(again, 3, "served again")
        assert same and lost == 0
        assert not unserved, described(unserved, start)


def host_gone(name, newcomer_host, most_again, client_options=(), server_options=(), client_kind="rebore",
              server_kind="rebore", wait_s=0.0, newcomer_kind=None):
    """The client's host falls silent, and a new client asks for the port (over and over, as far as it must)."""
    with Stage("other") as stage:
        tunnel = stage.tunnel(server_options, client_options, server_kind, client_kind)
        probe = Probe(stage, tunnel.port, interval_s=0.2, deadline_s=60)
        probe.wait_served(0)
        mark = tunnel.server.mark()
        stage.path.drop()
        start = time.time()
        time.sleep(wait_s)
        host = stage.hosts[newcomer_host]
        kind = newcomer_kind or client_kind
        options = (*client_options, "--port", tunnel.port, *(("--max-reconnect-delay", 1) if kind == "rebore" else ()))
        while True:
            client = stage.join(stage.serve_echo(host), *options, host=host, kind=kind, name="client-new",
                                connected=False)
            eventually(lambda: client.popen.poll() is not None or client.count("public address|listening at"),
                       "the new client has an answer")
            if client.is_running():
                break
            time.sleep(0.5)  # a client of bore ends when the port is in use; its users start it again
        again_at = probe.wait_served(start)
        time.sleep(0.5)
        probe.stop()
        unserved = probe.unserved(after=start)  # who was being served before is lost with the host
        told(name, when(tunnel.server, "in place of|is gone|new client", mark) - start, again_at - start, len(unserved),
             None, public_port(client) == tunnel.port)
        show((client, 0), (tunnel.server, mark))
        within(again_at - start, most_again, "served by the new one, from the moment the old one fell silent")
        if client_kind == server_kind == kind == "rebore":
            assert not unserved, described(unserved, start)


def host_gone_same_secret():
    host_gone("client's host gone, a new one with the same secret", "other", 4, ("-s", "abc"), ("-s", "abc"))


def host_gone_same_secret_later():
    host_gone("client's host gone for 3 s, a new one with the same secret", "other", 4.5, ("-s", "abc"), ("-s", "abc"),
              wait_s=3)


def bore_client_gone():
    """Two clients of bore: within the 16 s that the man page promises."""
    host_gone("bore client's host gone, a new bore client", "other", 17, client_kind="bore")


def bore_client_gone_rebore_comes():
    host_gone("bore client's host gone, a new rebore client", "other", 17, client_kind="bore", newcomer_kind="rebore")


def host_restarted():
    """The client's host is gone without a word and comes back at the same address: nothing vouches for it but that."""
    with Stage() as stage:
        tunnel = stage.tunnel()
        probe = Probe(stage, tunnel.port, deadline_s=60)
        probe.wait_served(0)
        stage.path.drop()
        start = time.time()
        tunnel.client.end(signal.SIGKILL)
        time.sleep(0.5)
        stage.client_host.ip("link set eth0 down", "link set eth0 up", "route add default via 10.0.1.1")
        end = time.time()
        stage.path.mend()
        client = stage.join(tunnel.service_port, "--port", tunnel.port, "--max-reconnect-delay", 1, name="client-again")
        again_at = probe.wait_served(end)
        time.sleep(0.5)
        probe.stop()
        unserved = probe.unserved(after=start)
        told("client's host gone and back at the same address", None, again_at - end, len(unserved), None, True)
        show((client, 0))
        within(again_at - end, 4, "served again")
        assert not unserved, described(unserved, start)


def port_taken_meanwhile():
    """Away for longer than its lease, and another has the port: it takes any after a lease of refusals, loudly."""
    with Stage("other") as stage:
        tunnel = stage.tunnel(("--lease", 3))
        mark, server_mark = tunnel.client.mark(), tunnel.server.mark()
        tunnel.client.send(signal.SIGSTOP)
        tunnel.server.wait_for(f"port {tunnel.port} is free", server_mark)
        stranger = stage.hello(tunnel.port, host=stage.hosts["other"])
        assert stranger.public_port == tunnel.port, stranger.refusal
        start = time.time()
        tunnel.client.send(signal.SIGCONT)
        tunnel.client.wait_for(rf"warning: the public address has changed: it was \S+:{tunnel.port}, it is", mark)
        took = time.time() - start
        told("client's port taken meanwhile", None, took, None, None, False)
        show((tunnel.client, mark))
        assert took >= 3, took
        within(took, 15, "has another")


def sigterm_while_silent():
    """SIGTERM ends a client within a second, also while the server is silent and a second connection is dialled."""
    for seconds in (0.5, 2.5, 9.5):
        with Stage() as stage:
            tunnel = stage.tunnel()
            stage.path.drop()
            time.sleep(seconds)
            start = time.time()
            status = tunnel.client.end()
            took = time.time() - start
            told(f"client stopped {seconds} s into a silence", more=f"ended after {took:.2f} s with {status}")
            assert status == 0
            within(took, 1, "ended")


def restarted_in_silence():
    """Killed and started again while its old connection is silently dead: its state file vouches for it."""
    with Stage() as stage:
        state = stage.folder + "/state"
        tunnel = stage.tunnel(client_options=("--state-file", state))
        probe = Probe(stage, tunnel.port)
        probe.wait_served(0)
        stage.path.drop()
        start = time.time()
        tunnel.client.end(signal.SIGKILL)
        time.sleep(0.5)
        stage.client_host.ip("addr del 10.0.1.2/24 dev eth0", "addr add 10.0.1.77/24 dev eth0",
                             "route add default via 10.0.1.1")
        stage.path.mend()
        end = time.time()
        client = stage.join(tunnel.service_port, "--state-file", state, name="client-again")
        again = probe.wait_served(end) - end
        time.sleep(0.5)
        probe.stop()
        unserved = probe.unserved(after=start)
        told("client back at another address, with its state file", None, again, len(unserved), None,
             client.public_port() == tunnel.port)
        assert client.public_port() == tunnel.port
        within(again, 1, "served again")
        assert not unserved, described(unserved, start)


main(bore_client_gone, bore_client_gone_rebore_comes, sigkill_with_state_file, sigkill_same_secret,
     sigkill_same_address, sigkill_at_once, sigkill_stranger, sigstop_3_s, sigstop_12_s, host_gone_same_secret,
     host_gone_same_secret_later, host_restarted, port_taken_meanwhile, sigterm_while_silent, restarted_in_silence)
