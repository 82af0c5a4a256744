#!/usr/bin/env python3
"""No secret stays in the memory of a process, neither that of the start nor one that is read again on SIGHUP."""
import os
import signal

from harness import Scene, need_root

need_root()

PAGE = os.sysconf("SC_PAGESIZE")
FIRST, SECOND = b"first-Secret-4711-of-this-test", b"second-Secret-0815-of-this-test"


def places(process, secret):
    """Where the memory of a process has a secret."""
    found = []
    with open(f"/proc/{process.pid}/maps", encoding="ascii") as maps, \
            open(f"/proc/{process.pid}/mem", "rb", 0) as memory:
        for line in maps:
            area, rights, *_ = line.split()
            start, end = (int(number, 16) for number in area.split("-"))
            if "w" not in rights:
                continue
            if secret in b"".join(read_area(memory, start, end)):
                found.append(line.strip())
    return found


def read_area(memory, start, end):
    """The pages of an area, but for guard pages, which cannot be read."""
    for page in range(start, end, PAGE):
        try:
            memory.seek(page)
            yield memory.read(PAGE)
        except OSError:
            pass


with Scene() as scene:
    secret = scene.file("secret", FIRST + b"\n")
    server = scene.server("--secret-file", secret)
    client = scene.client(scene.echo_service(), server, "--secret-file", secret)
    for process in server, client:
        assert places(process, process.argv[1].encode()), "the words of the command line are in its memory"
        assert not places(process, FIRST), (process.name, places(process, FIRST))
    for content in FIRST, SECOND:
        mark = server.mark()
        scene.file("secret", content + b"\n")
        server.send(signal.SIGHUP)
        server.wait_for("SIGHUP: read", after=mark)
        assert not places(server, content), places(server, content)
    # The client reads its file again when it is refused
    server.end()
    server = scene.server("--secret-file", secret, control_port=server.control_port)
    client.wait_for("connected again")
    assert not places(client, SECOND), places(client, SECOND)
