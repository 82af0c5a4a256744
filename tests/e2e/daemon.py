#!/usr/bin/env python3
"""--daemon returns when the child is ready, with its status; --pid-file is locked, and a second start names the holder."""
import fcntl
import os
import select
import signal
import subprocess

from harness import DEADLINE_S, REBORE, Scene, Took, eventually, free_port, is_alive, is_refused, parallel, within


with Scene(network=True) as scene:
    daemons = []

    def run(*arguments, **how):
        # What it inherited it must not hold: a daemon that keeps our pipe open would hang us here
        return subprocess.run([REBORE, *map(str, arguments)], capture_output=True, text=True, timeout=30, check=False,
                              env=scene.environment(), **how)

    def holder(path):
        with open(path, encoding="ascii") as file:
            text = file.read()
        assert text.endswith("\n") and text.strip().isdigit(), text
        daemons.append(int(text))
        return int(text)

    def server():
        path, port = os.path.join(scene.folder, "server.pid"), free_port()
        done = run("server", "--daemon", "--pid-file", path, "--control-port", port)
        assert done.returncode == 0, done
        # Ready means ready: no wait here
        pid = holder(path)
        assert is_alive(pid) and not is_refused(port)
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            parent, group, session, terminal = file.read().rsplit(")", 1)[1].split()[1:5]
        assert session == str(pid) and terminal == "0" and parent != str(os.getpid()), (parent, group, session)
        assert os.readlink(f"/proc/{pid}/cwd") == "/"
        for fd in (0, 1, 2):
            assert os.readlink(f"/proc/{pid}/fd/{fd}") == "/dev/null"

        second = run("server", "--daemon", "--pid-file", path, "--control-port", 0)
        assert second.returncode == 1 and f"process {pid}" in second.stderr and path in second.stderr, second
        third = run("server", "--pid-file", path, "--control-port", 0)
        assert third.returncode == 1 and f"process {pid}" in third.stderr, third
        assert holder(path) == pid, "the second start must not touch the file"

        os.kill(pid, signal.SIGTERM)
        eventually(lambda: not is_alive(pid), "the daemon ends")
        assert not os.path.exists(path) and is_refused(port)

    def fails():
        """The status and the reason of the child reach the shell."""
        taken = scene.server(name="server-taken").control_port
        done = run("server", "--daemon", "--control-port", taken)
        assert done.returncode == 1 and "Address already in use" in done.stderr, done
        done = run("server", "--daemon", "--min-port", 2, "--max-port", 1)
        assert done.returncode == 2, done
        done = run("local", 1, "--to", "127.0.0.1", "--daemon", "--secret-file", "/no/such/file")
        assert done.returncode == 1 and "/no/such/file" in done.stderr, done

    def client():
        """A client is ready when its supervisor runs, not when it is connected."""
        path = os.path.join(scene.folder, "client.pid")
        with Took() as took:
            done = run("local", 1, "--to", f"127.0.0.1:{free_port()}", "--daemon", "--pid-file", path)
        assert done.returncode == 0, done
        within(took.s, 5, "it is ready")
        pid = holder(path)
        assert is_alive(pid)
        os.kill(pid, signal.SIGTERM)
        eventually(lambda: not is_alive(pid), "the daemon ends")

    def inherited():
        """What the shell has open, such as a lock or a pipe, is not held open by the daemon."""
        path = os.path.join(scene.folder, "inherited.pid")
        mine, its = os.pipe()
        high = fcntl.fcntl(its, fcntl.F_DUPFD, 200)
        done = run("server", "--daemon", "--pid-file", path, "--control-port", 0, pass_fds=(its, high))
        os.close(its)
        os.close(high)
        assert done.returncode == 0, done
        pid = holder(path)
        assert select.select([mine], [], [], DEADLINE_S)[0], "somebody has it open"
        assert os.read(mine, 1) == b""
        os.close(mine)
        os.kill(pid, signal.SIGTERM)
        eventually(lambda: not is_alive(pid), "the daemon ends")

    def relative_path():
        """A relative name is that of the start's folder, though the daemon works in /."""
        folder = os.path.join(scene.folder, "start")
        os.mkdir(folder)
        done = run("server", "--daemon", "--pid-file", "here.pid", "--control-port", 0, cwd=folder)
        assert done.returncode == 0, done
        pid = holder(os.path.join(folder, "here.pid"))
        os.kill(pid, signal.SIGTERM)
        eventually(lambda: not is_alive(pid), "the daemon ends")
        assert not os.path.exists(os.path.join(folder, "here.pid"))

    def stale_file():
        """A file that a killed process left does not hinder; one with other content is left alone."""
        path = scene.file("stale.pid", "1\n")
        server = scene.server("--pid-file", path, name="server-stale")
        assert holder(path) == server.pid
        server.end(signal.SIGKILL)
        assert os.path.exists(path)
        server = scene.server("--pid-file", path, name="server-after-kill")
        assert holder(path) == server.pid
        server.end()
        precious = scene.file("precious", "my letters\n")
        done = run("server", "--pid-file", precious, "--control-port", 0)
        assert done.returncode == 1 and precious in done.stderr
        with open(precious, encoding="ascii") as file:
            assert file.read() == "my letters\n"

    def raced():
        """Of many that start at once with one pid file, one runs."""
        path = os.path.join(scene.folder, "raced.pid")
        started = [scene.rebore("server", "--control-port", 0, "--pid-file", path, name="server-raced") for _ in range(8)]
        eventually(lambda: sum(not one.is_running() for one in started) >= 7, "all but one end")
        running = [one for one in started if one.is_running()]
        assert len(running) == 1 and holder(path) == running[0].pid
        for one in started:
            if one is not running[0]:
                assert one.status() == 1
                assert one.count("runs already|another process holds it") == 1, one.log()

    try:
        parallel(server, fails, client, inherited, relative_path, stale_file, raced)
    finally:
        for pid in set(daemons):
            if is_alive(pid) and os.path.samefile(f"/proc/{pid}/exe", REBORE):
                os.kill(pid, signal.SIGKILL)
