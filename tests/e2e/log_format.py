#!/usr/bin/env python3
"""--log-format json gives lines that parse, whatever a peer says; -q and -v choose; --syslog speaks to /dev/log; the
journal gets priorities."""
import json
import os
import re
import socket
import subprocess

from harness import DEADLINE_S, OWN_MOUNTS, REBORE, Scene, ask, eventually, is_refused, need, parallel, visit

LEVELS = {"error", "warning", "info", "debug"}

with Scene(network=True) as scene:
    service_port = scene.echo_service()

    def use(server, client):
        """Something to log of each kind"""
        port = client.public_port()
        with visit(port) as visitor:
            assert ask(visitor, b"x") == b"x"
        peer = scene.connect(server)
        peer.send(b'{"\\u001b[31m\\"quoted\\\\ \xc3\xa4\\u2028":1}\0')
        assert peer.ending() == "end"
        server.wait_for("dropped")
        server.wait_for(r"visitor [0-9a-f]{8} from \S+ on port")
        client.wait_for(r"visitor \S+ to")
        client.end()
        server.end()

    def as_json():
        server = scene.rebore("server", "--control-port", 0, "--log-format", "json", "-v", name="server-json")
        server.control_port = int(server.wait_for(r"listening on \S+:(\d+)")[1])
        client = scene.client(service_port, server, "--log-format=json", "-v", name="client-json")
        use(server, client)
        for process in (server, client):
            lines = process.log().split("\n")[:-1]
            assert len(lines) >= 3
            for line in lines:
                entry = json.loads(line)
                assert set(entry) >= {"time", "level", "message"}, line
                assert entry["level"] in LEVELS
                assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", entry["time"]), line
                assert not re.search(r"[\x00-\x1f\x7f-\x9f]", entry["message"]), line

    def quiet():
        """A quiet server tells nobody its port, and so it is not one that the kernel picks."""
        server = scene.rebore("server", "--bind-addr", "127.0.0.9", "-q", name="server-quiet")
        eventually(lambda: not is_refused(7835, "127.0.0.9"), "the server listens")
        peer = scene.connect(7835, "127.0.0.9")
        peer.send(b"garbage\0")
        server.wait_for("warning: .*dropped")
        server.end()
        assert server.count("info:|debug:") == 0, server.log()

    def as_text(option, wanted, unwanted):
        server = scene.server(option, name="server-text")
        use(server, scene.client(service_port, server, option, name="client-text"))
        lines = server.log().split("\n")[:-1]
        for line in lines:
            assert re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (error|warning|info|debug): \S", line), line
        found = {line.split()[1].rstrip(":") for line in lines}
        assert wanted <= found and not found & unwanted, (option, found)

    def to_syslog(options, priority):
        """The priority of a line is 8 * facility + level (RFC 5424)."""
        need("mount")
        folder = os.path.join(scene.folder, f"log{priority}")
        os.mkdir(folder)
        log = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        log.bind(folder + "/log")
        log.settimeout(DEADLINE_S)
        # A /dev of its own, which has little more than our log
        launcher = [*OWN_MOUNTS, "sh", "-c", f"mount -t tmpfs none /dev && touch /dev/log /dev/null /dev/urandom &&"
                    f" mount --bind {folder}/log /dev/log && exec \"$@\"", "sh"]
        server = scene.rebore("server", "--control-port", 0, *options, launcher=launcher, name="server-syslog")
        assert "no secret" in log.recv(4096).decode()
        line = log.recv(4096).decode()
        assert re.match(rf"<{priority}>.* rebore\[{server.pid}\]: listening on \[::\]:\d+", line), line
        assert server.count("\n") == server.count("no secret") == 1, "to syslog, and nowhere else, but for what is wrong"
        peer = scene.connect(int(line.rsplit(":", 1)[1]))
        peer.send(b'"\\u001b[2J\\n<0>forged"\0')
        line = log.recv(4096).decode()
        assert re.match(rf"<{priority - 2}>.* dropped", line) and not re.search(r"[\x00-\x1f]", line.rstrip("\n")), line
        server.end()

    def on_the_journal(options, has_time):
        """Where JOURNAL_STREAM names standard error, a line begins with its priority, and the time is the journal's."""
        ours, theirs = socket.socketpair()
        status = os.fstat(theirs.fileno())
        env = scene.environment({"JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"})
        server = subprocess.Popen([REBORE, "server", "--control-port", "0", *options], env=env, stderr=theirs)
        theirs.close()
        ours.settimeout(DEADLINE_S)
        try:
            with ours, ours.makefile(encoding="utf-8") as lines:
                assert re.match("<4>.*no secret", next(lines))
                line = next(lines)
                found = re.fullmatch(r"<6>(.*listening on \[::\]:(\d+).*)\n", line)
                assert found and (r"T" in found[1].split("listening")[0]) == has_time, line
                if has_time:
                    assert set(json.loads(found[1])) == {"time", "level", "message"}
                peer = scene.connect(int(found[2]))
                peer.send(b"garbage\0")
                assert re.match(r"<4>.*dropped", next(lines))
                server.terminate()
                assert server.wait(DEADLINE_S) == 0
        finally:
            server.kill()
            server.wait()

    parallel(as_json, quiet, lambda: on_the_journal([], False), lambda: on_the_journal(["--log-format", "json"], True),
             lambda: as_text("-v", {"debug", "info", "warning"}, set()),
             lambda: as_text("--log-format=text", {"info", "warning"}, {"debug"}),
             lambda: to_syslog(["--syslog"], 3 * 8 + 6),
             lambda: to_syslog(["--syslog=local3"], 19 * 8 + 6))
