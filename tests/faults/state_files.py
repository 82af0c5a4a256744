#!/usr/bin/env python3
"""State files: what they keep, who may read them, who may use them, and what is made of useless ones."""
import json
import os
import re
import signal
import threading
import time

from faults import OWN_MOUNTS, Stage, eventually, main, told


def mode(path):
    return os.stat(path).st_mode & 0o777


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def client_keeps_its_port():
    """Instance and port outlive the process, however it ended, and the attempt number never falls."""
    with Stage() as stage:
        path = stage.folder + "/state"
        service_port = stage.serve_echo()
        server = stage.serve()
        known, ports, attempts = set(), set(), []
        for sig in (signal.SIGKILL, signal.SIGTERM, signal.SIGKILL, signal.SIGINT):
            client = stage.join(service_port, "--state-file", path)
            ports.add(client.public_port())
            assert f'"port":{client.public_port()}' in read(path), "the log knows the port before the file does"
            with open(path, encoding="utf-8") as file:
                content = json.load(file)
            known.add(content["instance"])
            attempts.append(content["attempt"])
            assert mode(path) == 0o600, oct(mode(path))
            client.end(sig)
        told("state file of a client", same_port=len(ports) == 1, more=f"mode 0600, attempts {attempts}")
        assert len(ports) == len(known) == 1, (ports, known)
        assert attempts == sorted(set(attempts)), attempts
        assert not [name for name in os.listdir(stage.folder) if name.endswith("-new")]
        # The whole id is in no log
        for process in stage.processes:
            assert known.copy().pop() not in process.log()
        assert server.is_running()


def locked():
    """A second process is told who has the file, and ends with 1. The lock survives that the file is replaced."""
    with Stage() as stage:
        service_port = stage.serve_echo()
        state, grants = stage.folder + "/client.state", stage.folder + "/server.state"
        server = stage.serve("--state-file", grants)
        client = stage.join(service_port, "--state-file", state)
        time.sleep(1.5)  # both have replaced their files by now
        second = stage.join(service_port, "--state-file", state, connected=False, name="second-client")
        assert second.status() == 1
        assert str(client.pid) in second.log(), second.log()
        other = stage.server_host.do(stage.rebore, "server", "--control-port", 0, "--state-file", grants,
                                     name="second-server")
        assert other.status() == 1
        assert str(server.pid) in other.log(), other.log()
        told("state files are locked", more=f"{second.log().strip()[25:]} | {other.log().strip()[25:]}")
        client.end(signal.SIGKILL)
        stage.join(service_port, "--state-file", state, name="third-client")


def useless_content():
    """Replaced, with a warning; a folder that is no folder is an error at once."""
    good = {"instance": "11111111-2222-4333-8444-555555555555", "attempt": 5, "port": 0}
    contents = [b"\0\1\2", b"{", b"[]", b"{}", b"null", b'{"instance":"x","attempt":1,"port":1}',
                json.dumps({**good, "attempt": -1}).encode(), json.dumps({**good, "attempt": 2**63}).encode(),
                json.dumps({**good, "attempt": 2**63 - 1}).encode(), json.dumps({**good, "port": 65536}).encode(),
                json.dumps({**good, "port": "80"}).encode(), b"x" * 100_000, b"[" * 5000,
                json.dumps(good).encode() + b" trailing"]
    with Stage() as stage:
        service_port = stage.serve_echo()
        stage.serve()
        for number, content in enumerate(contents):
            path = stage.file(f"state{number}", content, 0o644)
            client = stage.join(service_port, "--state-file", path, name=f"client{number}")
            assert client.count("warning: the state file .* is replaced") == 1, (content[:50], client.log())
            with open(path, encoding="utf-8") as file:
                json.load(file)
            assert mode(path) == 0o600, oct(mode(path))
            client.end()
        for number, content in enumerate((b"\0", b"{", b"[]", b'{"ports":[0]}', b'{"ports":[70000]}', b'{"ports":"x"}',
                                          b'{"ports":[1.5]}', b"[" * 5000)):
            path = stage.file(f"grants{number}", content)
            server = stage.server_host.do(stage.server, "--state-file", path, name=f"server{number}")
            assert server.count("warning: the state file .* is replaced") == 1, (content[:50], server.log())
            assert server.end() == 0
        empty = stage.join(service_port, "--state-file", stage.file("empty"), name="empty")
        assert empty.count("warning: the state file") == 0
        nowhere = stage.join(service_port, "--state-file", stage.folder + "/no/such", connected=False, name="nowhere")
        assert nowhere.status() == 1
        link = stage.folder + "/link"
        os.symlink("/etc/passwd", link)
        linked = stage.join(service_port, "--state-file", link, connected=False, name="linked")
        assert linked.status() == 1
        told("useless state files", more=f"{len(contents)} of a client, 8 of a server replaced with a warning;"
             f" {nowhere.log().strip()[25:]} | {linked.log().strip()[25:]}")


def atomic():
    """Whoever reads it at any moment, also across kills, finds a whole one."""
    with Stage() as stage:
        path = stage.folder + "/state"
        service_port = stage.serve_echo()
        stage.serve()
        stage.join(service_port, "--state-file", path).end()
        stop, seen, broken = threading.Event(), [0], []

        def watch():
            while not stop.is_set():
                with open(path, "rb") as file:
                    content = file.read()
                try:
                    json.loads(content)["instance"]  # pylint: disable=expression-not-assigned
                    seen[0] += 1
                except ValueError:
                    broken.append(content)

        reader = threading.Thread(target=watch, daemon=True)
        reader.start()
        for number in range(40):
            client = stage.join(service_port, "--state-file", path, connected=False, name=f"client{number}")
            time.sleep(0.001 * (number % 12))
            client.end(signal.SIGKILL)
        last = stage.join(service_port, "--state-file", path, name="last")
        stop.set()
        reader.join()
        told("state file is replaced as a whole", more=f"{seen[0]} reads across 40 kills, {len(broken)} broken")
        assert not broken, broken
        assert last.count("is replaced") == 0


def disk_full():
    """A state file that cannot be written is warned of; the tunnel works."""
    with Stage() as stage:
        folder = stage.folder + "/small"
        os.mkdir(folder)
        service_port = stage.serve_echo()
        stage.serve()
        launcher = (*OWN_MOUNTS, "sh", "-c",
                    f'mount -t tmpfs -o size=4k,nr_inodes=2 none {folder} && exec "$@"', "sh")
        client = stage.join(service_port, "--state-file", folder + "/state", launcher=launcher)
        client.wait_for("warning: cannot write the state file")
        told("state file on a full disk", more="warned of, and the tunnel works")


def disk_read_only():
    """A read-only disk is warned of; both work, and know what the file holds. A mistake in the name stays an error."""
    with Stage() as stage:
        folder = stage.folder + "/fixed"
        os.mkdir(folder)
        service_port = stage.serve_echo()
        launcher = (*OWN_MOUNTS, "sh", "-c", f'mount --bind {folder} {folder} && '
                    f'mount -o remount,bind,ro {folder} && exec "$@"', "sh")
        server = stage.serve("--state-file", folder + "/server")
        first = stage.join(service_port, "--state-file", folder + "/client", name="first")
        port = first.public_port()
        first.end()
        server.end()
        server = stage.serve("--state-file", folder + "/server", launcher=launcher, name="server-read-only")
        server.wait_for("warning: the state file .* cannot be written: Read-only file system")
        # Its file says the same, and is not changed
        client = stage.join(service_port, "--state-file", folder + "/client", launcher=launcher, name="client-read-only")
        client.wait_for("warning: the state file .* cannot be written: Read-only file system")
        assert client.public_port() == port, "what the file holds is known"
        without = stage.join(service_port, "--state-file", folder + "/none", launcher=launcher, name="client-without")
        without.wait_for("warning: the state file .* cannot be written: Read-only file system")
        nowhere = stage.join(service_port, "--state-file", folder + "/no/such", launcher=launcher, connected=False,
                             name="nowhere")
        assert nowhere.status() == 1
        second = stage.join(service_port, "--state-file", folder + "/client", launcher=launcher, connected=False,
                            name="second")
        assert second.status() == 1 and second.count("in use by another process") == 1, second.log()
        told("state file on a read-only disk", more="warned of, and both work")


def damaged():
    """A digit that has changed on the disk is noticed: another attempt or port would be used otherwise."""
    with Stage() as stage:
        service_port = stage.serve_echo()
        server = stage.serve("--state-file", stage.folder + "/server")
        client = stage.join(service_port, "--state-file", stage.folder + "/client")
        eventually(lambda: str(client.public_port()) in read(stage.folder + "/server"), "the server has written its file")
        client.end()
        server.end(signal.SIGKILL)
        for name, member in (("client", '"port":'), ("server", '"ports":[')):
            content = read(f"{stage.folder}/{name}")
            assert re.search(r',"checksum":"[0-9a-f]{8}"}$', content), content
            place = content.index(member) + len(member)
            digit = "1" if content[place] != "1" else "2"
            stage.file(name, content[:place] + digit + content[place + 1:])
        server = stage.serve("--state-file", stage.folder + "/server", name="server-again")
        client = stage.join(service_port, "--state-file", stage.folder + "/client", name="client-again")
        for process in (server, client):
            assert process.count("warning: the state file .* is damaged, .* and is replaced") == 1, process.log()
        told("state file with another digit", more="replaced with a warning")


def ports_of_the_returning():
    """Right after a restart nobody new gets a port that somebody may return for, while the range has others."""
    with Stage() as stage:
        path = stage.folder + "/state"
        options = ("--state-file", path, "--min-port", 5000, "--max-port", 5029)
        server = stage.serve(*options)
        service_port = stage.serve_echo()
        # They will be away when the server returns
        clients = [stage.join(service_port, name=f"client{i}", connected=False) for i in range(15)]
        ports = {client.public_port() for client in clients}

        def written():
            with open(path, encoding="utf-8") as file:
                return set(json.loads(file.read() or '{"ports":[]}')["ports"]) == ports
        eventually(written, "the state file knows all ports")
        assert mode(path) == 0o600
        for client in clients:
            client.send(signal.SIGSTOP)
        server.end(signal.SIGKILL)
        stage.serve(*options, name="server-again")
        newcomers = [stage.hello() for _ in range(15)]
        got = {peer.public_port for peer in newcomers}
        told("ports of the returning", more=f"15 of 30 remembered, 15 newcomers got {len(got & ports)} of them")
        assert not got & ports, got & ports
        # The range is used up: now a remembered one is better than none
        last = stage.hello()
        assert last.public_port in ports, last.refusal
        last.close()
        marks = [client.mark() for client in clients]
        for client in clients:
            client.send(signal.SIGCONT)
        for client, mark in zip(clients, marks):
            client.wait_for("same public address", mark, deadline_s=90)


main(client_keeps_its_port, locked, useless_content, atomic, disk_full, disk_read_only, damaged, ports_of_the_returning)
