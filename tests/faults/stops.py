#!/usr/bin/env python3
"""Both ends stop on purpose: Bye, --drain, and a local service that restarts."""
import signal
import socket
import threading
import time

from faults import Peer, Stage, Stream, ask, close_listener, eventually, main, show, told, within


def client_says_bye():
    """A client that stops leaves no lease: its port is free at once, and who waited is reset."""
    with Stage() as stage:
        tunnel = stage.tunnel()
        mark = tunnel.server.mark()
        start = time.time()
        assert tunnel.client.end() == 0
        tunnel.server.wait_for(f"port {tunnel.port} is free", mark)
        told("client stops", time.time() - start, more="port free at once")
        tunnel.server.wait_for("says goodbye", mark)
        within(time.time() - start, 1, "the port is free")
        assert not tunnel.server.count("is kept for", mark)


def server_says_bye():
    """Its clients return after the delay that it states, and count no failure: --max-retries 1 survives a restart."""
    with Stage() as stage:
        tunnel = stage.tunnel(client_options=("--max-retries", 1))
        mark = tunnel.client.mark()
        assert tunnel.server.end() == 0
        tunnel.client.wait_for("the server stops or restarts", mark)
        # The first failure is free, too; the second comes when the server is there, however long that takes
        tunnel.client.wait_for("no connection", mark)
        tunnel.client.send(signal.SIGSTOP)
        server = stage.serve(name="server-again")
        tunnel.client.send(signal.SIGCONT)
        end = time.time()
        again = tunnel.client.public_port(mark)
        told("server stops, its client has --max-retries 1", None, time.time() - end, None, None, again == tunnel.port)
        show((tunnel.client, mark))
        assert again == tunnel.port
        assert server.is_running()


def drain(who, second_signal=False):
    """Who stops lets proxied connections finish; a second signal cuts that short."""
    with Stage() as stage:
        tunnel = stage.tunnel(("--drain", 20) if who == "server" else (), ("--drain", 20) if who == "client" else ())
        process = getattr(tunnel, who)
        stream = Stream(stage, tunnel.port)
        start = time.time()
        process.send(signal.SIGTERM)
        time.sleep(1)
        flowing = stream.received
        eventually(lambda: stream.received > flowing, "the stream goes on")
        assert process.is_running()
        eventually(lambda: refused(stage, tunnel.port), "nobody new is let in")
        if second_signal:
            process.send(signal.SIGTERM)
            status = process.status()
            lost = None
        else:
            lost = stream.stop()
            status = process.status()
        told(f"{who} drains" + (", second signal" if second_signal else ""), lost=lost,
             more=f"ended after {time.time() - start:.2f} s with {status}")
        show((process, 0))
        within(time.time() - start, 4, "ended")
        assert status == (-signal.SIGTERM if second_signal else 0), status
        assert not lost, lost


def refused(stage, port):
    try:
        stage.visit(port).close()
        return False
    except ConnectionRefusedError:
        return True
    except ConnectionResetError:
        return False


def server_drains():
    drain("server")


def client_drains():
    drain("client")


def server_drains_second_signal():
    drain("server", True)


def client_drains_second_signal():
    drain("client", True)


def drain_has_an_end():
    """After --drain seconds the rest is cut off, on both sides."""
    for who in ("server", "client"):
        with Stage() as stage:
            tunnel = stage.tunnel(("--drain", 2) if who == "server" else (), ("--drain", 2) if who == "client" else ())
            visitor = stage.visit(tunnel.port)
            assert ask(visitor, b"here") == b"here"
            start = time.time()
            process = getattr(tunnel, who)
            status = process.end()
            took = time.time() - start
            told(f"{who}'s drain ends", more=f"after {took:.2f} s of 2 s, status {status}")
            assert status == 0 and took >= 1.9, (status, took)
            within(took, 3.5, "ended")
            assert Peer(visitor).ending() in ("end", "reset")
            process.wait_for("visitors have not finished")


def no_drain():
    """Without --drain SIGTERM ends either within a second, whatever is under way."""
    for who in ("server", "client"):
        with Stage() as stage:
            tunnel = stage.tunnel()
            visitor = stage.visit(tunnel.port)
            assert ask(visitor, b"here") == b"here"
            start = time.time()
            status = getattr(tunnel, who).end()
            took = time.time() - start
            told(f"{who} stops with a visitor", more=f"after {took:.2f} s, status {status}")
            assert status == 0
            within(took, 1.5, "ended")


def server_stops_while_visitors_wait():
    """They are held as long as the stop takes, here for another visitor who is being served, and then reset."""
    with Stage("other") as stage:
        tunnel = stage.tunnel(("--drain", 2))
        other = stage.join(stage.serve_echo(stage.hosts["other"]), host=stage.hosts["other"], name="other")
        served = stage.visit(other.public_port())
        assert ask(served, b"here") == b"here"
        mark = tunnel.server.mark()
        tunnel.client.end(signal.SIGKILL)
        tunnel.server.wait_for("is kept for", mark)
        before = tunnel.server.descriptors()
        waiting = stage.visit(tunnel.port)
        eventually(lambda: tunnel.server.descriptors() > before, "the visitor waits")
        start = time.time()
        tunnel.server.send(signal.SIGTERM)
        ending = Peer(waiting).ending()
        took = time.time() - start
        status = tunnel.server.status()
        told("server stops while a visitor waits", more=f"{ending} after {took:.2f} s of 2 s, status {status}")
        show((tunnel.server, mark))
        assert took >= 1.9, took
        within(took, 4, "ended")


def local_retry():
    """The service is down for 2 s: visitors wait with --local-retry, and are reset at once without."""
    for server_kind in ("rebore", "bore"):
        for seconds in (0, 10):
            with Stage() as stage:
                tunnel = stage.tunnel(client_options=("--local-retry", seconds), server_kind=server_kind)
                mark = tunnel.client.mark()
                listener = stage.listeners.pop(tunnel.service_port)
                close_listener(listener)
                start = time.time()
                if seconds == 0:
                    ending = ending_of_visit(stage, tunnel.port)
                    told(f"service down, {server_kind} server, no --local-retry",
                         more=f"{ending} after {time.time() - start:.2f} s")
                    within(time.time() - start, 1, "turned away")
                    assert server_kind == "bore" or ending == "reset", ending
                    for _ in range(5):
                        ending_of_visit(stage, tunnel.port)
                    assert tunnel.client.count("visitor turned away", mark) == 1, "the log repeats itself"
                    continue
                visitor = stage.visit(tunnel.port)
                visitor.sendall(b"hello")
                time.sleep(2)
                stage.client_host.do(serve_at, stage, tunnel.service_port)
                end = time.time()
                got = visitor.recv(100)
                told(f"service down for 2 s, {server_kind} server, --local-retry 10", again=time.time() - end,
                     refused=int(got != b"hello"))
                assert got == b"hello", got
                within(time.time() - end, 1, "served")


def ending_of_visit(stage, port):
    try:
        return Peer(stage.visit(port)).ending()
    except ConnectionResetError:  # so soon
        return "reset"


def serve_at(stage, port):
    """An echo service at a port that was in use before."""
    listener = socket.create_server(("127.0.0.1", port))
    stage.closables.append(listener)

    def serve(conn):
        while data := conn.recv(1000):
            conn.sendall(data)

    def accept():
        while True:
            try:
                conn = listener.accept()[0]
            except OSError:
                return
            threading.Thread(target=serve, args=(conn,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()


def local_retry_visitor_leaves():
    """Who resets while the service is waited for is forgotten: its worker does not stay."""
    with Stage() as stage:
        tunnel = stage.tunnel(client_options=("--local-retry", 60, "--spares", 0))
        close_listener(stage.listeners.pop(tunnel.service_port))
        before = tunnel.client.descriptors()
        visitors = [stage.visit(tunnel.port) for _ in range(10)]
        eventually(lambda: tunnel.client.descriptors() >= before + 10, "ten workers wait")
        for visitor in visitors:
            visitor.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            visitor.close()
        eventually(lambda: tunnel.client.descriptors() <= before + 1, "the workers have ended", 5)
        told("service down, visitors leave", more="their workers end")


main(client_says_bye, server_says_bye, server_drains, client_drains, server_drains_second_signal,
     client_drains_second_signal, drain_has_an_end, no_drain, server_stops_while_visitors_wait, local_retry,
     local_retry_visitor_leaves)
