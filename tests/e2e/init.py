#!/usr/bin/env python3
"""The SysV init script starts, asks after, restarts and stops a server, with the statuses of the Linux Standard Base. It
runs it as a user of its own, with a state file in a folder of that user."""
import os
import pwd
import shutil
import signal
import subprocess

from harness import REBORE, Scene, echoes, eventually, free_port, is_alive, is_refused, need, skip

need("ps")
SCRIPT = os.path.join(os.path.dirname(os.path.abspath(REBORE)), "contrib", "rebore.init")
if not os.path.exists(SCRIPT):
    skip(f"{SCRIPT} is not built")

with Scene() as scene:
    # Under the name that it has once it is installed, and with what it would find in /etc and /run in our folder
    program = os.path.join(scene.folder, "bin", "rebore")
    os.mkdir(os.path.dirname(program))
    shutil.copy(REBORE, program)
    pid_file = os.path.join(scene.folder, "run", "rebore", "rebore.pid")
    port = free_port()
    secret = scene.file("secret", "s3cret\n")
    state = os.path.join(scene.folder, "lib", "rebore", "state")
    # Who runs this is the user
    ours = f'REBORE_USER=\nREBORE_STATE={state}\n'
    defaults = scene.file("defaults", f'{ours}REBORE_ARGS="server --control-port {port} --secret-file {secret}"\n')

    def init(action, **variables):
        env = {"DAEMON": program, "DEFAULTS": defaults, "PIDFILE": pid_file, **variables}
        return subprocess.run(["sh", SCRIPT, *action.split()], env=scene.environment(env), capture_output=True, text=True,
                              timeout=30, check=False)

    def expect(action, status, said="", **variables):
        done = init(action, **variables)
        assert done.returncode == status and said in done.stdout + done.stderr, (action, done)

    def pid():
        with open(pid_file, encoding="ascii") as file:
            return int(file.read())

    try:
        expect("status", 3, "does not run")
        expect("stop", 0)
        expect("try-restart", 0)
        assert is_refused(port), "try-restart starts nothing"
        expect("start", 0, "started")
        first = pid()
        assert not is_refused(port), "started means that it listens"
        expect("status", 0, str(first))
        expect("start", 0, "runs already")
        assert pid() == first
        with open(f"/proc/{first}/limits", encoding="ascii") as limits:
            files = next(line for line in limits if line.startswith("Max open files")).split()
        assert int(files[3]) >= min(65536, int(files[4])), files

        client = scene.client(scene.echo_service(), port, "--secret-file", secret)
        assert echoes(client.public_port(), b"x")
        for action in ("restart", "force-reload", "try-restart"):
            mark = client.mark()
            expect(action, 0, "started")
            assert pid() != first
            first = pid()
            client.public_port(after=mark)
        expect("stop", 0, "stopped")
        left = os.path.exists(pid_file), not is_refused(port)
        assert left == (False, False), f"stopped, but left: pid file, port {left}"
        eventually(lambda: not is_alive(first), "the process has ended")
        expect("status", 3)

        # Killed: the file is there, the process is not
        expect("start", 0)
        os.kill(pid(), signal.SIGKILL)
        eventually(lambda: is_refused(port), "the killed server is gone")
        expect("status", 1)
        expect("start", 0, "started")
        expect("stop", 0)

        # A pid file that names somebody else
        other = scene.start("other", "sleep", "1000")
        with open(pid_file, "w", encoding="ascii") as file:
            file.write(f"{other.pid}\n")
        expect("status", 1)
        expect("stop", 0)
        assert other.is_running(), "killed a process that is not ours"

        # What is not right
        wrong = scene.file("wrong", f'{ours}REBORE_ARGS="server --min-port 0"\n')
        expect("start", 6, "--min-port", DEFAULTS=wrong)
        expect("start", 5, "not installed", DAEMON="/no/such/rebore")
        with_taken_port = scene.server(name="server-taken")
        taken = scene.file("taken", f'{ours}REBORE_ARGS="server --control-port {with_taken_port.control_port}"\n')
        expect("start", 1, "Address already in use", DEFAULTS=taken)
        expect("status", 3)
        nobody_there = scene.file("nobody-there", "REBORE_USER=no-such-user\n")
        expect("start", 6, "useradd", DEFAULTS=nobody_there)
        expect("status", 3)
        expect("", 2, "usage")
        expect("frobnicate", 2, "usage")
        # A user of its own, whose are the process, its folders and files
        if os.geteuid() == 0:
            need("setpriv")
            user = pwd.getpwnam("nobody")
            os.chmod(scene.folder, 0o755)
            os.chown(secret, user.pw_uid, user.pw_gid)
            shutil.rmtree(os.path.dirname(pid_file))
            shutil.rmtree(os.path.dirname(state), ignore_errors=True)
            own = scene.file("own", f'REBORE_USER=nobody\nREBORE_STATE={state}\n'
                                    f'REBORE_ARGS="server --control-port {port} --secret-file {secret}"\n')
            expect("start", 0, "started", DEFAULTS=own)
            with open(f"/proc/{pid()}/status", encoding="ascii") as file:
                uids = next(line for line in file if line.startswith("Uid:")).split()[1:]
            assert set(uids) == {str(user.pw_uid)}, uids
            for path in (pid_file, os.path.dirname(pid_file), state, os.path.dirname(state)):
                assert os.stat(path).st_uid == user.pw_uid, path
            expect("stop", 0, "stopped", DEFAULTS=own)
    finally:
        init("stop")
