#!/usr/bin/env python3
"""Connections that outlive their path (--resume at both ends): whatever breaks the data connection, what a visitor and a
service say to each other arrives whole, each byte once; and what cannot be resumed is reset."""
import os
import random
import signal
import socket
import subprocess
import threading
import time

from faults import Stage, eventually, main, need, public_port, told, within

RESUME_S = 20
BYTES = 3_000_000
PIECE = 20_000


def noise(seed, size):
    return random.Random(seed).randbytes(size)


class Talk:
    """A visitor and a service that both send much, slowly enough that faults fall into the middle, and end. What each
    has heard is compared with what the other has said."""

    def __init__(self, stage, port, seed):
        self.heard, self.ended, self.broken = {}, {}, {}
        self.said = {"visitor": noise(seed, BYTES), "service": noise(seed + 1, BYTES)}
        self.visitor = stage.visit(port)
        self.service = stage.calls.take()
        self.threads = [threading.Thread(target=work, args=(name, sock), daemon=True)
                        for name, sock in (("visitor", self.visitor), ("service", self.service))
                        for work in (self._say, self._hear)]
        for thread in self.threads:
            thread.start()

    def _say(self, name, sock):
        said = self.said[name]
        try:
            for start in range(0, len(said), PIECE):
                sock.sendall(said[start:start + PIECE])
                time.sleep(0.03)
            sock.shutdown(socket.SHUT_WR)
        except OSError as problem:
            self.broken[name] = problem

    def _hear(self, name, sock):
        got = bytearray()
        try:
            while piece := sock.recv(1 << 16):
                got += piece
            self.ended[name] = True
        except OSError as problem:
            self.broken[name] = problem
        self.heard[name] = bytes(got)

    def wait(self, deadline_s=90):
        for thread in self.threads:
            thread.join(deadline_s)
            assert not thread.is_alive(), "a talk hangs"

    def is_whole(self):
        self.wait()
        assert not self.broken, self.broken
        assert self.heard["visitor"] == self.said["service"], "the visitor has heard something else"
        assert self.heard["service"] == self.said["visitor"], "the service has heard something else"
        assert len(self.ended) == 2

    def is_reset(self):
        """Both know that something is missing."""
        self.wait()
        assert set(self.broken) == {"visitor", "service"}, (self.broken, self.ended)


class Calls:
    """The connections of a service that says nothing by itself."""

    def __init__(self, stage):
        self.sockets, self.ready = [], threading.Condition()
        self.port = stage.client_host.do(stage.service, self._take)
        self.over = threading.Event()

    def _take(self, conn):
        with self.ready:
            self.sockets.append(conn)
            self.ready.notify_all()
        self.over.wait()

    def take(self):
        with self.ready:
            assert self.ready.wait_for(lambda: self.sockets, 30), "the service was not called"
            return self.sockets.pop(0)


def talks(count=4, server_options=(), client_options=()):
    """A stage with a tunnel, and visitors who talk."""
    stage = Stage()
    stage.__enter__()
    stage.calls = Calls(stage)
    stage.far = stage.serve("--resume", RESUME_S, *server_options)
    stage.near = stage.join(stage.calls.port, "--resume", RESUME_S, *client_options)
    stage.port = public_port(stage.near)
    stage.talks = [Talk(stage, stage.port, seed) for seed in range(count)]
    return stage


def kill_sockets(host, *which):
    need("ss")
    host.do(subprocess.run, ["ss", "-nK", *which], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)


def play(name, fault, times=2, count=4, is_noticed=True):
    """Play a fault in the middle of talks, and expect them whole. TCP itself outlives a short one."""
    stage = talks(count)
    done = False
    try:
        time.sleep(0.5)
        for _ in range(times):
            fault(stage)
            time.sleep(1)
        for talk in stage.talks:
            talk.is_whole()
        for process in (stage.far, stage.near) if is_noticed else ():
            assert process.count("interrupted") > 0, f"{process.name} has noticed nothing"
            assert process.count("not resumed in time") == 0
            eventually(lambda p=process: p.count(r"connections? resumed after .* nothing lost") > 0, "the log says so")
        told(name, more=f"{count} talks of {BYTES} bytes each way whole after {times} times")
        done = True
    finally:
        stage.__exit__(None if done else AssertionError, None, None)


def sockets_killed_at_the_server():
    play("data connections reset at the server",
         lambda stage: kill_sockets(stage.server_host, "state", "established", "sport", "=", ":7835"), 3)


def sockets_killed_at_the_client():
    play("data connections reset at the client",
         lambda stage: kill_sockets(stage.client_host, "state", "established", "dport", "=", ":7835"), 3)


def path_dropped():
    def fault(stage):
        stage.path.drop()
        time.sleep(2)
        stage.path.mend()
    play("path dropped for 2 s, streams", fault, is_noticed=False)


def path_dropped_for_long():
    """Long enough that both ends find their data connections dead, and the control connection too."""
    def fault(stage):
        stage.path.drop()
        time.sleep(9)
        stage.path.mend()
    play("path dropped for 9 s, streams", fault, 1)


def path_dropped_one_way():
    def fault(stage):
        stage.path.drop_to_client()
        time.sleep(2)
        stage.path.mend()
        time.sleep(1)
        stage.path.drop_to_server()
        time.sleep(2)
        stage.path.mend()
    play("path dropped for 2 s, one way and the other, streams", fault, 1, is_noticed=False)


def reset_by_the_router():
    def fault(stage):
        stage.path.reset()
        time.sleep(0.5)
        stage.path.mend()
    play("path reset, streams", fault)


def another_server_process():
    """Nobody knows the streams any more: both ends of each are reset."""
    stage = talks(3)
    done = False
    try:
        time.sleep(0.5)
        stage.far.end(signal.SIGKILL)
        for talk in stage.talks:
            talk.wait(RESUME_S + 15)
            assert "visitor" in talk.broken, "a visitor of a killed server takes a part for the whole"
        start = time.time()
        stage.far = stage.serve("--resume", RESUME_S, name="server-again")
        stage.near.wait_for("connected again")
        for talk in stage.talks:
            talk.wait(15)
            assert "service" in talk.broken, "a service of a lost visitor takes a part for the whole"
        within(time.time() - start, 15, "the services are reset")
        told("server killed, streams", more="all reset, none ended")
        done = True
    finally:
        stage.__exit__(None if done else AssertionError, None, None)


def another_client_process():
    """The same, the other way round."""
    stage = talks(3)
    done = False
    try:
        time.sleep(0.5)
        mark = stage.far.mark()
        stage.near.end(signal.SIGKILL)
        stage.near = stage.join(stage.calls.port, "--resume", RESUME_S, "--port", stage.port, name="client-again")
        start = time.time()
        for talk in stage.talks:
            talk.is_reset()
        within(time.time() - start, 15, "the visitors are reset")
        assert stage.far.count("interrupted", mark) > 0
        told("client killed, streams", more="all reset, none ended")
        done = True
    finally:
        stage.__exit__(None if done else AssertionError, None, None)


def not_back_in_time():
    with Stage() as stage:
        stage.calls = Calls(stage)
        server = stage.serve("--resume", 3)
        client = stage.join(stage.calls.port, "--resume", RESUME_S)
        talk = Talk(stage, public_port(client), 7)
        time.sleep(0.5)
        start = time.time()
        stage.path.drop()
        talk.is_reset()
        within(time.time() - start, 12, "the smaller of the two values holds")
        server.wait_for("not resumed in time")
        told("path gone for longer than --resume", more="reset at both ends")


def a_service_that_refuses():
    """The visitor is reset, and the data connection serves the next one."""
    with Stage() as stage:
        server = stage.serve("--resume", RESUME_S)
        gone = stage.client_host.do(lambda: socket.create_server(("127.0.0.1", 0)))
        port = gone.getsockname()[1]
        gone.close()
        client = stage.join(port, "--resume", RESUME_S)
        public = public_port(client)
        for _ in range(20):
            try:  # it may be there before the visitor's thread is
                with stage.visit(public) as visitor:
                    assert visitor.recv(1) != b"", "an end in place of a reset"
            except ConnectionResetError:
                pass
        client.wait_for("visitor turned away: .*Connection refused")
        eventually(lambda: server.count(r"visitor \S+ from .* reset") >= 20, "all are accounted for")


def data_connections_are_used_again():
    with Stage() as stage:
        echo = stage.serve_echo()
        server = stage.serve("--resume", RESUME_S)
        client = stage.join(echo, "--resume", RESUME_S, "--spares", 2)
        public = public_port(client)
        for round_ in range(30):
            with stage.visit(public) as visitor:
                word = os.urandom(100 + round_ * 1000)
                visitor.sendall(word)
                visitor.shutdown(socket.SHUT_WR)
                got = b""
                while piece := visitor.recv(1 << 16):
                    got += piece
                assert got == word
        server.wait_for_count(r"visitor \S+ from .* bytes out(?!,)", 30)
        assert client.count("connection lost") == 0
        assert client.descriptors() < 30, client.descriptors()


main(sockets_killed_at_the_server, sockets_killed_at_the_client, path_dropped, path_dropped_for_long, path_dropped_one_way,
     reset_by_the_router, another_server_process, another_client_process, not_back_in_time, a_service_that_refuses,
     data_connections_are_used_again)
