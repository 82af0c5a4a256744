"""The tunnels that are compared, as their users run them: with a secret, and with their defaults else."""
import os
import re
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tests", "e2e"))

from harness import BORE_CONTROL_PORT as CONTROL_PORT  # noqa: E402
from harness import REBORE  # noqa: E402

CACHE = os.environ.get("REBORE_TEST_CACHE") or os.path.join(
    os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "rebore-tests")
SECRET = "secret"

os.environ["PATH"] += ":/usr/local/sbin:/usr/sbin:/sbin"


def find(*names):
    return next((path for path in map(shutil.which, names) if path), None)


class Place:
    """Where a tunnel stands: a folder for its files, the address of its server, and the public port."""

    def __init__(self, folder, server, port):
        self.folder, self.server, self.port = folder, server, port

    def file(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path


class Peer:
    """program is None where it is not installed. Arguments are words of any type."""
    title = program = None
    programs = ()  # whose size counts
    environment = {}

    def server(self, place):
        raise NotImplementedError

    def client(self, place, service, name="client"):
        """name: different for two clients of one place."""
        raise NotImplementedError

    def version(self):
        said = subprocess.run([self.program, "--version"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              check=False)
        return re.search(r"\d+(\.\d+)+\S*", said.stdout.decode(errors="replace") + " 0.0")[0]


class Rebore(Peer):
    """As it is."""
    title = "rebore"
    program = os.path.abspath(REBORE) if os.access(REBORE, os.X_OK) else None
    programs = (program,)
    client_options = ()

    def server(self, place):
        return [self.program, "server", "-s", SECRET]

    def client(self, place, service, name="client"):
        return [self.program, "local", service, "--to", place.server, "--port", place.port, "-s", SECRET,
                *self.client_options]


class ReboreCold(Rebore):
    """Without connections that are ready before a visitor comes: --spares 0."""
    title = "rebore --spares 0"
    client_options = ("--spares", "0")


class ReboreSmall(Rebore):
    """As the systemd units run it: GLIBC_TUNABLES spares a page for each thread."""
    title = "rebore, by its units"
    environment = {"GLIBC_TUNABLES": "glibc.rtld.optional_static_tls=0:glibc.rtld.nns=1"}


class Bore(Peer):
    """As it is."""
    title = "bore"
    program = find(os.environ.get("BORE", "bore"), f"{CACHE}/bore-0.6.0/bin/bore")
    programs = (program,)

    def server(self, place):
        return [self.program, "server", "--secret", SECRET]

    def client(self, place, service, name="client"):
        return [self.program, "local", service, "--to", place.server, "--port", place.port, "--secret", SECRET]


class Rathole(Peer):
    """As it is: without encryption."""
    title = "rathole"
    program = find("rathole", f"{CACHE}/rathole/bin/rathole")
    programs = (program,)

    def server(self, place):
        return [self.program, "--server", place.file("rathole-server.toml", f"""
[server]
bind_addr = "0.0.0.0:{CONTROL_PORT}"
default_token = "{SECRET}"
[server.services.echo]
bind_addr = "0.0.0.0:{place.port}"
""")]

    def client(self, place, service, name="client"):
        return [self.program, "--client", place.file(f"rathole-{name}.toml", f"""
[client]
remote_addr = "{place.server}:{CONTROL_PORT}"
default_token = "{SECRET}"
[client.services.echo]
local_addr = "127.0.0.1:{service}"
""")]

    def version(self):
        said = subprocess.run([self.program, "--version"], stdout=subprocess.PIPE, check=False).stdout.decode()
        return re.search(r"Build Version:\s+(\S+)", said + "Build Version: 0")[1]


class Ssh(Peer):
    """ssh -R under autossh -M 0, both ends with an alive interval of 5 s, dead after 3; encrypts."""
    title = "ssh -R"
    program = find("autossh") if all(map(find, ("ssh", "sshd", "autossh"))) else None
    programs = tuple(map(find, ("ssh", "sshd", "autossh")))

    def server(self, place):
        key = f"{place.folder}/host_key"
        if not os.path.exists(key):
            os.makedirs("/run/sshd", exist_ok=True)
            for path in (key, f"{place.folder}/key"):
                subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path], check=True)
        return [find("sshd"), "-D", "-e", "-f", "/dev/null", "-p", CONTROL_PORT, "-h", key, "-o", "UsePAM=no",
                "-o", f"AuthorizedKeysFile={place.folder}/key.pub", "-o", "StrictModes=no", "-o", "GatewayPorts=yes",
                "-o", "PidFile=none", "-o", "PermitRootLogin=yes", "-o", "ClientAliveInterval=5",
                "-o", "MaxStartups=100"]

    def client(self, place, service, name="client"):
        return ["env", "AUTOSSH_GATETIME=0", "AUTOSSH_POLL=10", self.program, "-M", "0", "-N", "-F", "/dev/null",
                "-i", f"{place.folder}/key", "-p", CONTROL_PORT, "-o", "StrictHostKeyChecking=no",
                "-o", "UserKnownHostsFile=/dev/null", "-o", "ServerAliveInterval=5", "-o", "ExitOnForwardFailure=yes",
                "-o", "ConnectTimeout=5", "-R", f"0.0.0.0:{place.port}:127.0.0.1:{service}", f"root@{place.server}"]

    def version(self):
        said = subprocess.run([find("ssh"), "-V"], stderr=subprocess.PIPE, check=False).stderr.decode()
        return re.search(r"OpenSSH_(\S+?),?\s", said + "OpenSSH_0 ")[1]


class Frp(Peer):
    """As it is: without encryption."""
    title = "frp"
    program = find("frpc") if find("frps") else None
    programs = (find("frps"), find("frpc"))

    def server(self, place):
        return [find("frps"), "-c", place.file("frps.toml", f"""
bindPort = {CONTROL_PORT}
auth.token = "{SECRET}"
""")]

    def client(self, place, service, name="client"):
        return [self.program, "-c", place.file(f"frpc-{name}.toml", f"""
serverAddr = "{place.server}"
serverPort = {CONTROL_PORT}
auth.token = "{SECRET}"
loginFailExit = false
transport.tls.enable = false
[[proxies]]
name = "echo"
type = "tcp"
localPort = {service}
remotePort = {place.port}
""")]


class Chisel(Peer):
    """As it is; encrypts."""
    title = "chisel"
    program = find("chisel")
    programs = (program,)

    def server(self, place):
        return [self.program, "server", "--reverse", "--port", CONTROL_PORT, "--auth", f"user:{SECRET}"]

    def client(self, place, service, name="client"):
        return [self.program, "client", "--auth", f"user:{SECRET}", f"{place.server}:{CONTROL_PORT}",
                f"R:{place.port}:127.0.0.1:{service}"]


PEERS = {"rebore": Rebore(), "bore": Bore(), "rathole": Rathole(), "ssh": Ssh(), "frp": Frp(), "chisel": Chisel()}


# --- Installation

def install():
    """Installs what registries have and is not there. frp and chisel are left to the user."""
    packages = [package for package, program in (("openssh-server", "sshd"), ("openssh-client", "ssh"),
                                                 ("autossh", "autossh"), ("iperf3", "iperf3"),
                                                 ("binutils", "strip"), ("iproute2", "ip")) if not find(program)]
    if packages:
        root = [] if os.geteuid() == 0 else ["sudo"]
        subprocess.run([*root, "apt-get", "install", "-y", "--no-install-recommends", *packages], check=True)
    if not Bore.program:
        subprocess.run(["cargo", "install", "bore-cli", "--version", "0.6.0", "--locked",
                        "--root", f"{CACHE}/bore-0.6.0"], check=True)
    if not Rathole.program:  # its lock file names what cannot be had any more
        subprocess.run(["cargo", "install", "rathole", "--root", f"{CACHE}/rathole"], check=True)
