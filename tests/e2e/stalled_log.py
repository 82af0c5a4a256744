#!/usr/bin/env python3
"""A log that takes nothing (a pipe that nobody reads, a full disk) does not keep a program from serving, or from ending when asked."""
import fcntl
import os
import subprocess

from harness import (DEADLINE_S, HAS_PORT, OWN_MOUNTS, REBORE, Scene, Took, ask, eventually, free_port, is_refused,
                     need, parallel, visit, within)


def full_pipe():
    """Returns both ends of a pipe without room."""
    read_end, write_end = os.pipe()
    fcntl.fcntl(write_end, fcntl.F_SETFL, os.O_NONBLOCK)
    try:
        while True:
            os.write(write_end, b"x" * 4096)
    except BlockingIOError:
        pass
    fcntl.fcntl(write_end, fcntl.F_SETFL, 0)
    return read_end, write_end


need("mount")

with Scene(network=True) as scene:
    service_port = scene.echo_service()

    def run(*arguments):
        read_end, write_end = full_pipe()
        popen = subprocess.Popen([REBORE, *map(str, arguments)], stderr=write_end, stdin=subprocess.DEVNULL)
        os.close(write_end)
        return popen, read_end

    def ends(popen, read_end):
        try:
            with Took() as took:
                popen.terminate()
                popen.wait(DEADLINE_S)
            assert popen.returncode == 0, popen.returncode
            within(took.s, 1, "it ends")
        finally:
            popen.kill()
            popen.wait()
            os.close(read_end)

    def client():
        server = scene.server(name="server")
        popen, read_end = run("local", service_port, "--to", f"127.0.0.1:{server.control_port}")
        try:
            port = int(server.wait_for(HAS_PORT)[1])
            for _ in range(3):
                with visit(port) as visitor:
                    assert ask(visitor, b"x") == b"x"
        finally:
            ends(popen, read_end)

    def server():
        port = free_port()
        popen, read_end = run("server", "--control-port", port)
        try:
            eventually(lambda: not is_refused(port), "the server listens")
            client = scene.client(service_port, port, name="client")
            for _ in range(3):
                with visit(client.public_port()) as visitor:
                    assert ask(visitor, b"x") == b"x"
        finally:
            ends(popen, read_end)

    def full_disk():
        """Lines that the disk has no room for are counted, and told when it has."""
        folder = os.path.join(scene.folder, "small")
        os.mkdir(folder)
        port = free_port()
        server = scene.rebore("server", "--control-port", port, name="server-full-disk", launcher=[
            *OWN_MOUNTS, "sh", "-c", f"mount -t tmpfs -o size=8k none {folder} && exec \"$@\" 2>>{folder}/log", "sh"])
        eventually(lambda: not is_refused(port), "the server listens")
        inside = f"/proc/{server.pid}/root{folder}"
        with open(f"{inside}/filler", "wb", buffering=0) as filler, open(f"{inside}/log", "ab", buffering=0) as log:
            for file in (filler, log):  # the log has a page of its own already
                try:
                    while True:
                        file.write(b"x")
                except OSError:
                    pass
            scene.client(service_port, port, name="client-unheard")
            filler.truncate(0)
            scene.client(service_port, port, name="client-heard")

        def told():
            with open(f"{inside}/log", encoding="ascii") as file:
                return "log lines were lost\n" in file.read()
        eventually(told, "it says how many lines were lost")

    parallel(client, server, full_disk)
