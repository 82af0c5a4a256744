#!/usr/bin/env python3
"""A secret is changed without a client that is locked out: the client reads its file again before it gives up, or stays
(--auth-retry); the server takes several files, and reads them again on SIGHUP."""
import os
import signal

from harness import Scene, Took, ask, echoes, eventually, parallel, visit, within


def write(path, secret):
    """As a person who knows how would: at once, and with the same mode."""
    with open(path + ".new", "w", encoding="ascii", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        file.write(secret + "\n")
    os.rename(path + ".new", path)


def hang_up(server, pattern):
    mark = server.mark()
    server.send(signal.SIGHUP)
    server.wait_for(pattern, after=mark)


with Scene() as scene:
    service_port = scene.echo_service()

    def client_reads_again():
        """The server restarts with another secret; the client's file has it already."""
        path, clients = scene.file("again-server", "first\n"), scene.file("again-client", "first\n")
        # Ports that no other server here gives away while this one is down
        options = ["--secret-file", path, "--min-port", 20000, "--max-port", 20999]
        server = scene.server(*options, name="server-again")
        client = scene.client(service_port, server, "--secret-file", os.path.basename(clients), cwd=scene.folder,
                              name="client-again")
        port = client.public_port()
        for secret in ("second", "first", "third"):
            mark = client.mark()
            write(path, secret)
            write(clients, secret)
            server.end(signal.SIGKILL)
            server = scene.server(*options, control_port=server.control_port, name="server-again")
            assert client.public_port(after=mark) == port
            client.wait_for("the secret file has changed", after=mark)
            assert echoes(port, b"served")
        # And once it is wrong, it is
        write(path, "fourth")
        server.end(signal.SIGKILL)
        server = scene.server(*options, control_port=server.control_port, name="server-again")
        assert client.status() == 77
        assert client.count("error: .*invalid secret") == 1
        assert server.count("refused: wrong secret") == 1

    def each_content_once():
        path = scene.file("once", "wrong 1\n")
        server = scene.server("--secret-file", scene.file("once-server", "right"), name="server-once")
        client = scene.client(1, server, "--secret-file", path, connected=False, name="client-once")
        assert client.status() == 77
        assert server.count("refused: wrong secret") == 1

    def client_stays():
        path, clients = scene.file("stays-server", "right\n"), scene.file("stays-client", "wrong\n")
        server = scene.server("-v", "--secret-file", path, name="server-stays")
        client = scene.client(service_port, server, "--secret-file", clients, "--auth-retry", 3600, connected=False,
                              name="client-stays")
        client.wait_for("error: .*invalid secret.*; trying again in 3[2-6][0-9][0-9]")
        with Took() as took:
            write(clients, "wrong too")
            server.wait_for_count("refused: wrong secret", 2)
        within(took.s, 5, "a new content is tried")
        # What was tried before is tried again, when the file says so.
        write(clients, "wrong")
        server.wait_for_count("refused: wrong secret", 3)
        client.send(signal.SIGHUP)
        server.wait_for_count("refused: wrong secret", 4)
        with Took() as took:
            write(clients, "right")
            port = client.public_port()
        within(took.s, 5, "a new content is tried")
        assert echoes(port, b"served")
        assert client.end() == 0

    def client_asks_again():
        """The file is right, and the server's is not yet."""
        path, clients = scene.file("asks-server", "old\n"), scene.file("asks-client", "new\n")
        server = scene.server("-v", "--secret-file", path, name="server-asks")
        client = scene.client(service_port, server, "--secret-file", clients, "--auth-retry", 1, connected=False,
                              name="client-asks")
        server.wait_for_count("refused: wrong secret", 3)
        write(path, "new")
        hang_up(server, "SIGHUP: read 1 secret file again")
        assert echoes(client.public_port(), b"served")
        # Nor does a server that asks for none, or for one where there is none, end it.
        for secret, options in (("x", []), (None, ["-s", "x"])):
            plain = scene.server(*options, name="server-asks-other")
            other = scene.client(1, plain, "--auth-retry", 1, connected=False, name="client-asks-other",
                                 env={"REBORE_SECRET": secret})
            other.wait_for_count("trying again in", 1)
            assert other.is_running() and other.end() == 0
        # --max-retries and --no-reconnect go before it.
        for options in (["--max-retries", 2], ["--no-reconnect"]):
            other = scene.client(1, server, "--auth-retry", 1, *options, connected=False, name="client-asks-less",
                                 env={"REBORE_SECRET": "wrong"})
            assert other.status() == 77

    def server_takes_two():
        """The whole of a rotation: nobody is thrown off, and in the end the old secret is worth nothing."""
        old, new = scene.file("two-old", "old\n"), scene.file("two-new", "new\n")
        clients = scene.file("two-client", "old\n")
        server = scene.server("--secret-file", old, "--secret-file", new, name="server-two")
        first = scene.client(service_port, server, "--secret-file", clients, "--spares", 0, name="client-two-1")
        second = scene.client(service_port, server, "--secret-file", new, name="client-two-2")
        with visit(first.public_port()) as visitor:
            assert ask(visitor, b"before") == b"before"
            write(old, "new")
            hang_up(server, "SIGHUP: read 2 secret files again; 1 client is connected with a secret of before")
            assert ask(visitor, b"after") == b"after"
        # What it has proved counts for its visitors, and for no newcomer.
        assert echoes(first.public_port(), b"served") and echoes(second.public_port(), b"served")
        assert scene.client(1, server, "-s", "old", connected=False, name="client-two-late").status() == 77
        assert first.count("connection lost") == 0
        first.end()
        eventually(lambda: server.count(r"port %d is free" % first.public_port()), "the port is free")
        hang_up(server, "; 0 clients are connected with a secret of before")

    def bad_files_change_nothing():
        path = scene.file("bad", "right\n")
        server = scene.server("--secret-file", path, name="server-bad")
        os.chmod(path, 0o644)
        hang_up(server, "error: SIGHUP: .*chmod 600.*; the secrets stay as they were")
        os.remove(path)
        hang_up(server, "error: SIGHUP: .*No such file.*; the secrets stay as they were")
        os.mkfifo(path, 0o600)
        hang_up(server, "error: SIGHUP: .*is a pipe.*; the secrets stay as they were")
        assert echoes(scene.client(service_port, server, "-s", "right", name="client-bad").public_port(), b"served")
        os.remove(path)
        write(path, "right\r")
        hang_up(server, r"warning: the secret file '.*' ends in CR LF")

    parallel(client_reads_again, each_content_once, client_stays, client_asks_again, server_takes_two,
             bad_files_change_nothing)
    for process in scene.processes:
        assert "fourth" not in process.log()
