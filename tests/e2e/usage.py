#!/usr/bin/env python3
"""Every usage error is one line that names option, value and what is allowed, points to --help, and exits with 2."""
import subprocess

from harness import REBORE, Scene, parallel

HOST = ["--to", "127.0.0.1"]
LOCAL = ["local", "8000", *HOST]

# Arguments, and what the line must name: the option, the value, and what is allowed
ERRORS = [
    ([], ["command", "local", "server"]),
    (["remote"], ["remote", "local", "server"]),
    (["--secret=hunter2"], ["--secret", "local", "server"]),
    (["local"], ["LOCAL_PORT", "1 to 65535"]),
    (["local", "8000"], ["--to", "HOST[:PORT]"]),
    (["local", "0", *HOST], ["LOCAL_PORT", "'0'", "1 to 65535"]),
    (["local", "65536", *HOST], ["LOCAL_PORT", "'65536'", "1 to 65535"]),
    (["local", "80x", *HOST], ["LOCAL_PORT", "'80x'", "1 to 65535"]),
    (["local", "", *HOST], ["LOCAL_PORT", "''", "1 to 65535"]),
    (["local", "+80", *HOST], ["LOCAL_PORT", "'+80'", "1 to 65535"]),
    (["local", " 80", *HOST], ["LOCAL_PORT", "' 80'", "1 to 65535"]),
    (["local", "0x50", *HOST], ["LOCAL_PORT", "'0x50'", "1 to 65535"]),
    (["local", "18446744073709551696", *HOST], ["LOCAL_PORT", "1 to 65535"]),
    (["local", "8000", "9000", *HOST], ["9000", "LOCAL_PORT"]),
    ([*LOCAL, "--port", "65536"], ["--port", "'65536'", "0 to 65535"]),
    ([*LOCAL, "-p", "-1"], ["--port", "'-1'", "0 to 65535"]),
    ([*LOCAL, "--port"], ["--port", "0 to 65535"]),
    ([*LOCAL, "-p"], ["--port", "0 to 65535"]),
    ([*LOCAL, "--max-reconnect-delay", "0"], ["--max-reconnect-delay", "'0'", "1 "]),
    ([*LOCAL, "--max-reconnect-delay=0.5"], ["--max-reconnect-delay", "'0.5'", "1 "]),
    ([*LOCAL, "--max-retries", "0"], ["--max-retries", "'0'", "1 "]),
    ([*LOCAL, "--heartbeat-timeout", "1"], ["--heartbeat-timeout", "'1'", "2 "]),
    ([*LOCAL, "--no-reconnect=yes"], ["--no-reconnect"]),
    ([*LOCAL, "--local-host", ""], ["--local-host", "''"]),
    ([*LOCAL, "--local-host", "host:80"], ["--local-host", "'host:80'"]),
    ([*LOCAL, "--log-format", "xml"], ["--log-format", "'xml'", "text", "json"]),
    ([*LOCAL, "--syslog=kernel"], ["--syslog", "'kernel'", "daemon", "local0"]),
    ([*LOCAL, "--bogus"], ["--bogus"]),
    ([*LOCAL, "--bogus=hunter2"], ["--bogus"]),
    ([*LOCAL, "-x"], ["-x"]),
    ([*LOCAL, "--lo", "x"], ["--lo"]),  # ambiguous
    ([*LOCAL, "--min-port", "1"], ["--min-port"]),
    ([*LOCAL, "--secret"], ["--secret"]),
    ([*LOCAL, "--pid-file", ""], ["--pid-file", "''"]),
    ([*LOCAL, "--secret", "hunter2", "--secret-file", "f"], ["--secret", "--secret-file"]),
    (["local", "8000", "--to", ""], ["--to", "''"]),
    (["local", "8000", "--to", "host:0"], ["--to", "'host:0'"]),
    (["local", "8000", "--to", "host:65536"], ["--to", "'host:65536'"]),
    (["local", "8000", "--to", "host:"], ["--to", "'host:'"]),
    (["local", "8000", "--to", ":7835"], ["--to", "':7835'"]),
    (["local", "8000", "--to", "[::1"], ["--to", "'[::1'"]),
    (["local", "8000", "--to", "[::1]7835"], ["--to", "'[::1]7835'"]),
    (["local", "8000", "--to", "1:2:3"], ["--to", "'1:2:3'"]),
    (["local", "8000", "--to", "a b"], ["--to", "'a b'"]),
    (["local", "8000", "--to", "\x1b[31mred\nline"], ["--to", r"\x1b"]),
    (["server", "8000"], ["8000"]),
    (["server", "--min-port", "0"], ["--min-port", "'0'", "1 to 65535"]),
    (["server", "--max-port", "65536"], ["--max-port", "'65536'", "1 to 65535"]),
    (["server", "--min-port", "2000", "--max-port", "1999"], ["--min-port", "2000", "--max-port", "1999"]),
    (["server", "--max-port", "1023"], ["--min-port", "1024", "--max-port", "1023"]),
    (["server", "--bind-addr", "host"], ["--bind-addr", "'host'", "IPv4", "IPv6"]),
    (["server", "--bind-addr", "127.0.0.1:80"], ["--bind-addr", "'127.0.0.1:80'", "IPv4", "IPv6"]),
    (["server", "--bind-tunnels", "999.0.0.1"], ["--bind-tunnels", "'999.0.0.1'", "IPv4", "IPv6"]),
    (["server", "--control-port", "65536"], ["--control-port", "'65536'", "0 to 65535"]),
    (["server", "--to", "x"], ["--to"]),
    (["server", "-p", "1"], ["-p"]),
]
ENVIRONMENT = [
    ("local", {"REBORE_LOCAL_PORT": "0", "REBORE_SERVER": "x"}, ["REBORE_LOCAL_PORT", "'0'", "1 to 65535"]),
    ("local", {"BORE_LOCAL_PORT": "x", "BORE_SERVER": "x"}, ["BORE_LOCAL_PORT", "'x'", "1 to 65535"]),
    ("local", {"BORE_LOCAL_PORT": "1", "BORE_SERVER": "x:y"}, ["BORE_SERVER", "'x:y'"]),
    ("server", {"REBORE_MIN_PORT": "70000"}, ["REBORE_MIN_PORT", "'70000'", "1 to 65535"]),
    ("server", {"BORE_MIN_PORT": "9", "BORE_MAX_PORT": "8"}, ["BORE_MIN_PORT", "BORE_MAX_PORT"]),
]

with Scene() as scene:
    def run(arguments, **more):
        return subprocess.run([REBORE, *arguments], capture_output=True, text=True, timeout=30, check=False,
                              stdin=subprocess.DEVNULL, env=scene.environment(more))

    def check(done, names):
        shown = (done.args[1:], done.returncode, done.stderr, done.stdout)
        assert done.returncode == 2, shown
        assert done.stdout == "" and done.stderr.count("\n") == 1 and done.stderr.endswith("\n"), shown
        for name in [*names, "--help"]:
            assert name in done.stderr, (name, shown)
        assert "hunter2" not in done.stderr, shown
        assert not any(ord(letter) < 32 for letter in done.stderr[:-1]), shown

    def all_errors(rows):
        for arguments, names in rows:
            check(run(arguments), names)

    def environment():
        for command, variables, names in ENVIRONMENT:
            check(run([command], **variables), names)

    def shown():
        for arguments in (["--help"], ["-h"], ["local", "--help"], ["local", "-h"], ["server", "--help"]):
            done = run(arguments)
            assert done.returncode == 0 and done.stderr == "" and "usage: rebore" in done.stdout, arguments
        text = run(["local", "--help"]).stdout + run(["server", "--help"]).stdout
        for name in ("LOCAL_PORT", "SERVER", "SECRET", "MIN_PORT", "MAX_PORT"):
            assert f"REBORE_{name}" in text and f"BORE_{name}" in text.replace(f"REBORE_{name}", ""), name
        for option in ("local-host", "to", "port", "secret", "secret-file", "no-reconnect", "max-retries",
                       "max-reconnect-delay", "heartbeat-timeout", "min-port", "max-port", "bind-addr", "bind-tunnels",
                       "control-port", "verbose", "quiet", "log-format", "syslog", "daemon", "pid-file", "help", "version"):
            assert f"--{option}" in text, option
        assert max(map(len, text.splitlines())) <= 100
        for arguments in (["--version"], ["-V"], ["local", "--version"], ["server", "--version"]):
            done = run(arguments)
            assert done.returncode == 0 and done.stdout.startswith("rebore ") and done.stdout.count("\n") == 1, arguments
        # A help that nobody could read is a failure
        with open("/dev/full", "w", encoding="ascii") as full:
            done = subprocess.run([REBORE, "local", "--help"], stdout=full, check=False)
        assert done.returncode == 1

    def failures_that_are_no_usage():
        """Status 1, with the reason in one line: what only the system knows."""
        server = scene.server()
        for arguments, names in (
                (["server", "--control-port", str(server.control_port)], ["Address already in use", "--control-port"]),
                (["server", "--secret-file", "/no/such/file"], ["/no/such/file", "No such file"]),
                ([*LOCAL, "--pid-file", "/no/such/folder/pid"], ["/no/such/folder/pid", "No such file"])):
            done = run(arguments)
            assert done.returncode == 1, (arguments, done)
            for name in names:
                assert name in done.stderr, (name, done.stderr)

    parallel(lambda: all_errors(ERRORS[::2]), lambda: all_errors(ERRORS[1::2]), environment, shown,
             failures_that_are_no_usage)
