#!/usr/bin/env python3
"""A secret is not seen by others: not in ps, not in /proc, not in a log; a file that others can read is refused."""
import os
import subprocess

from harness import REBORE, Scene, parallel

SECRET = "correct-horse-battery"


def exposed(process):
    """Where the system shows the secret"""
    return [name for name in ("cmdline", "environ")
            if SECRET.encode() in open(f"/proc/{process.pid}/{name}", "rb").read()]


with Scene() as scene:
    def options():
        for arguments in (["-s", SECRET], [f"-s{SECRET}"], ["--secret", SECRET], [f"--secret={SECRET}"],
                          ["-vs", SECRET], [f"-vs{SECRET}"]):
            server = scene.server(*arguments, name="server-option")
            client = scene.client(1, server, *arguments, "-v", name="client-option")
            for process in (server, client):
                assert not exposed(process), (process.argv, exposed(process))
                assert SECRET not in process.log()
                process.wait_for(r"warning: .*command line.*--secret-file")
            with open(f"/proc/{client.pid}/cmdline", "rb") as file:
                cmdline = file.read()
            assert b"--to" in cmdline and b"local" in cmdline, "the rest is left for ps to show"
            client.end()
            server.end()

    def environment():
        for variables in ({"BORE_SECRET": SECRET}, {"REBORE_SECRET": SECRET},
                          {"REBORE_SECRET": SECRET, "BORE_SECRET": SECRET + "2"}):
            server = scene.server(env=variables, name="server-environment")
            client = scene.client(1, server, "-v", env=variables, name="client-environment")
            for process in (server, client):
                assert not exposed(process), (variables, exposed(process))
                assert SECRET not in process.log()
                assert process.count("command line") == 0
            client.end()
            server.end()
        # Also one that an option goes before
        server = scene.server("-s", "other", env={"BORE_SECRET": SECRET}, name="server-both")
        assert not exposed(server)

    def wrong_one_is_not_shown():
        server = scene.server("-s", SECRET, name="server-wrong")
        client = scene.client(1, server, "-s", SECRET + "x", "-v", connected=False, name="client-wrong")
        assert client.status() == 77
        assert SECRET not in client.log() + server.log()
        server.wait_for("refused: wrong secret")

    def usage_error_wipes():
        """Also when the arguments are wrong: ps may be quicker than our end, and the error must not show it."""
        done = subprocess.run([REBORE, "local", "x", "-s", SECRET, "--to", "h"], capture_output=True, text=True, check=False)
        assert done.returncode == 2 and SECRET not in done.stderr

    def files():
        """The content of the file, without one newline, is the secret."""
        for content, secret in ((SECRET, SECRET), (SECRET + "\n", SECRET), (SECRET + "\n\n", SECRET + "\n"),
                                ("", ""), ("\n", ""), (" x ", " x ")):
            path = scene.file("secret", content)
            server = scene.server("--secret-file", path, name="server-file")
            client = scene.client(1, server, "--secret", secret, name="client-file")
            client.end()
            server.end()

    def readable_by_others():
        for mode in (0o644, 0o604, 0o640, 0o660, 0o602):
            path = scene.file(f"open secret {mode:o}", SECRET, mode)
            done = subprocess.run([REBORE, "server", "--control-port", "0", "--secret-file", path], capture_output=True,
                                  text=True, timeout=20, check=False)
            assert done.returncode == 1, (oct(mode), done)
            assert done.stderr.count("\n") == 1 and SECRET not in done.stderr
            command = done.stderr[done.stderr.index("chmod"):].strip()
            # What it says to type helps
            subprocess.run(["sh", "-c", command], check=True)
            assert os.stat(path).st_mode & 0o077 == 0
            scene.server("--secret-file", path, name="server-mended").end()

    def bad_files():
        for path, pattern in ((scene.folder, "regular file"), (scene.folder + "/none", "No such file"),
                              (scene.file("large", "x" * 1_000_000), "longer")):
            done = subprocess.run([REBORE, "server", "--control-port", "0", "--secret-file", path], capture_output=True,
                                  text=True, timeout=20, check=False)
            assert done.returncode == 1 and pattern in done.stderr, done

    parallel(options, environment, wrong_one_is_not_shown, usage_error_wipes, files, readable_by_others, bad_files)
