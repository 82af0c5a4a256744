#!/usr/bin/env python3
"""Real programs whose connection lives through ten cuts of the path: ssh, a download by curl, git clone, psql, MQTT, and
the small packets of a game. Takes about a minute for each; needs what it names, and skips a row without."""
import hashlib
import os
import random
import shutil
import socket
import struct
import subprocess
import threading
import time

from faults import PATIENCE, Stage, eventually, main, need, public_port, told
from streams_at_random import kill_sockets

CUTS = 10
SFTP_SERVER = "/usr/lib/openssh/sftp-server"


class Cuts:
    """Ten cuts beside what else the test does, of four kinds by turns."""

    def __init__(self, stage):
        self.stage, self.count = stage, 0
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        stage = self.stage
        kinds = (lambda: kill_sockets(stage.server_host, "sport", "=", ":7835"), stage.path.drop,
                 lambda: kill_sockets(stage.client_host, "dport", "=", ":7835"), stage.path.reset)
        for number in range(CUTS):
            time.sleep(1.5)
            kinds[number % 4]()
            time.sleep(0.7)
            stage.path.mend()
            self.count += 1

    def wait(self):
        self.thread.join()


def play(name, start_service, visit):
    """start_service(stage): returns its port on the client's host. visit(stage, port, cuts): asserts."""
    with Stage() as stage:
        port = start_service(stage)
        server, client = stage.serve(), stage.join(port)
        public = public_port(client)
        cuts = Cuts(stage)
        visit(stage, public, cuts)
        assert cuts.count == CUTS, f"only {cuts.count} cuts fell into it"
        assert client.count("not resumed in time") == server.count("not resumed in time") == 0
        told(f"{name}, {CUTS} cuts", more=f"lived; {client.count('resumed after')} times resumed")


def run(stage, *argv, host=None, **how):
    how.setdefault("timeout", 180 * PATIENCE)
    return (host or stage.visitor_host).do(subprocess.run, list(argv), stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False, **how)


def listening(stage, port):
    def works():
        try:
            stage.client_host.connect("127.0.0.1", port).close()
            return True
        except OSError:
            return False
    eventually(works, f"port {port} is served")
    return port


def ssh_session():
    sshd, ssh, keygen = need("sshd", "ssh", "ssh-keygen")

    def start(stage):
        for name in ("host", "user"):
            subprocess.run([keygen, "-q", "-t", "ed25519", "-N", "", "-f", f"{stage.folder}/{name}"], check=True)
        shutil.copy(f"{stage.folder}/user.pub", f"{stage.folder}/authorized")
        config = stage.file("sshd_config", f"""
            ListenAddress 127.0.0.1:2222
            HostKey {stage.folder}/host
            AuthorizedKeysFile {stage.folder}/authorized
            PidFile none
            StrictModes no
            UsePAM no
            UseDNS no
            PermitRootLogin prohibit-password
            """)
        os.makedirs("/run/sshd", 0o755, exist_ok=True)
        stage.client_host.do(stage.start, "sshd", sshd, "-D", "-e", "-f", config)
        return listening(stage, 2222)

    def visit(stage, port, _cuts):
        """A line every tenth of a second, as of a person's terminal, and a checksum of both directions."""
        words = "".join(f"line {number}\n" for number in range(280))
        process = stage.visitor_host.do(
            subprocess.Popen,
            [ssh, "-F", "/dev/null", "-i", f"{stage.folder}/user", "-o", "StrictHostKeyChecking=no", "-o", "BatchMode=yes",
             "-o", f"UserKnownHostsFile={stage.folder}/known", "-o", "LogLevel=ERROR", "-p", str(port),
             f"root@{stage.server_host.address}", "cat; echo over"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for line in words.splitlines(keepends=True):
            process.stdin.write(line.encode())
            process.stdin.flush()
            time.sleep(0.1)
        said, _ = process.communicate(timeout=60 * PATIENCE)
        assert process.returncode == 0 and said == words.encode() + b"over\n", (process.returncode, said[-100:])

    play("ssh session", start, visit)


def download_by_curl():
    curl, nginx = need("curl", "nginx")
    content = random.Random(1).randbytes(200_000_000)

    def start(stage):
        os.makedirs(f"{stage.folder}/web")
        with open(f"{stage.folder}/web/file", "wb") as file:
            file.write(content)
        os.chmod(stage.folder, 0o755)
        config = stage.file("nginx.conf", f"""
            daemon off; pid {stage.folder}/nginx.pid; error_log stderr; user root;
            events {{ }}
            http {{ access_log off; server {{ listen 127.0.0.1:8000; root {stage.folder}/web; }} }}
            """)
        stage.client_host.do(stage.start, "nginx", nginx, "-e", "stderr", "-c", config)
        return listening(stage, 8000)

    def visit(stage, port, _cuts):
        done = run(stage, curl, "-sS", "--limit-rate", "8M", f"http://{stage.server_host.address}:{port}/file")
        assert done.returncode == 0, done.stderr
        assert hashlib.sha256(done.stdout).digest() == hashlib.sha256(content).digest()

    play("200 MB by curl", start, visit)


def git_clone():
    git = need("git")

    def start(stage):
        source = f"{stage.folder}/source"
        subprocess.run([git, "init", "-q", source], check=True)
        for number in range(40):
            with open(f"{source}/file{number}", "wb") as file:
                file.write(random.Random(number).randbytes(1_000_000))
        subprocess.run([git, "-C", source, "add", "."], check=True)
        subprocess.run([git, "-C", source, "-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "-qm", "all"],
                       check=True)
        stage.client_host.do(stage.start, "git", git, "daemon", "--reuseaddr", "--export-all", "--listen=127.0.0.1",
                             "--port=9418", f"--base-path={stage.folder}", stage.folder)
        return listening(stage, 9418)

    def visit(stage, port, cuts):
        """Again and again, until all cuts are made."""
        number = 0
        while cuts.count < CUTS:
            done = run(stage, git, "clone", "-q", f"git://{stage.server_host.address}:{port}/source",
                       f"{stage.folder}/copy{number}")
            assert done.returncode == 0, done.stderr
            done = run(stage, git, "-C", f"{stage.folder}/copy{number}", "fsck", "--full")
            assert done.returncode == 0, done.stderr
            shutil.rmtree(f"{stage.folder}/copy{number}")
            number += 1

    play("git clone", start, visit)


def postgres_tool(name):
    for folder in sorted(os.listdir("/usr/lib/postgresql"), reverse=True) if os.path.isdir("/usr/lib/postgresql") else ():
        path = f"/usr/lib/postgresql/{folder}/bin/{name}"
        if os.access(path, os.X_OK):
            return path
    return need(name)


def session_of_psql():
    psql, setpriv = need("psql", "setpriv")
    initdb, postgres = postgres_tool("initdb"), postgres_tool("postgres")

    def start(stage):
        data = f"{stage.folder}/data"
        os.makedirs(data)
        os.chmod(stage.folder, 0o755)
        shutil.chown(data, "postgres")
        as_user = [setpriv, "--reuid=postgres", "--regid=postgres", "--clear-groups"]
        subprocess.run([*as_user, initdb, "-D", data, "-A", "trust", "-U", "postgres"], check=True, stdout=subprocess.DEVNULL,
                       cwd="/")
        stage.client_host.do(stage.start, "postgres", *as_user, postgres, "-D", data, "-h", "127.0.0.1", "-p", "5432", "-k", "",
                             cwd="/")
        return listening(stage, 5432)

    def visit(stage, port, _cuts):
        """A session with a table of its own, which is gone with its connection."""
        script = "CREATE TEMP TABLE t (n int);\n" + "".join(
            f"INSERT INTO t VALUES ({number}); SELECT pg_sleep(0.25);\n" for number in range(100)) + "SELECT 'sum', sum(n) FROM t;\n"
        done = run(stage, psql, "-qAt", "-v", "ON_ERROR_STOP=1", "-h", stage.server_host.address, "-p", str(port), "-U", "postgres",
                   input=script.encode())
        assert done.returncode == 0 and b"sum|4950" in done.stdout, (done.returncode, done.stdout[-200:], done.stderr)

    play("psql", start, visit)


def mqtt_session():
    mosquitto, subscribe, publish = need("mosquitto", "mosquitto_sub", "mosquitto_pub")

    def start(stage):
        config = stage.file("mosquitto.conf", "listener 1883 127.0.0.1\nallow_anonymous true\n", mode=0o644)
        os.chmod(stage.folder, 0o755)
        stage.client_host.do(stage.start, "mosquitto", mosquitto, "-c", config)
        return listening(stage, 1883)

    def visit(stage, port, _cuts):
        """Each message once, in order: a session that was made anew would miss some."""
        count = 260
        words = "".join(f"message {number}\n" for number in range(count))
        where = ["-h", stage.server_host.address, "-p", str(port), "-t", "news", "-q", "0", "-k", "3600"]
        reader = stage.visitor_host.do(subprocess.Popen, [subscribe, *where, "-C", str(count)], stdout=subprocess.PIPE)
        time.sleep(1)
        writer = stage.visitor_host.do(subprocess.Popen, [publish, *where, "-l"], stdin=subprocess.PIPE)
        for line in words.splitlines(keepends=True):
            writer.stdin.write(line.encode())
            writer.stdin.flush()
            time.sleep(0.1)
        writer.stdin.close()
        said, _ = reader.communicate(timeout=60 * PATIENCE)
        assert said == words.encode(), said[-100:]
        assert writer.wait(30) == 0

    play("MQTT", start, visit)


def game():
    """Sixty packets a second each way, numbered; none is lost, and none comes twice."""
    packet = struct.Struct("!Id40x")

    def handle(conn):
        conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while data := conn.recv(4096):
            conn.sendall(data)

    def visit(stage, port, cuts):
        lags = []
        with stage.visit(port) as sock:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

            def listen():
                rest, expected = b"", 0
                while data := sock.recv(4096):
                    rest += data
                    while len(rest) >= packet.size:
                        number, sent = packet.unpack(rest[:packet.size])
                        assert number == expected, (number, expected)
                        lags.append(time.time() - sent)
                        expected, rest = expected + 1, rest[packet.size:]

            listener = threading.Thread(target=listen, daemon=True)
            listener.start()
            number = 0
            while cuts.count < CUTS or number % 60:
                sock.sendall(packet.pack(number, time.time()))
                number += 1
                time.sleep(1 / 60)
            sock.shutdown(socket.SHUT_WR)
            listener.join(60 * PATIENCE)
        assert len(lags) == number, (len(lags), number)
        told("game: lag", more=f"median {sorted(lags)[len(lags) // 2] * 1000:.1f} ms, most {max(lags):.1f} s")

    play("game", lambda stage: stage.client_host.do(stage.service, handle), visit)


main(ssh_session, download_by_curl, git_clone, session_of_psql, mqtt_session, game)
