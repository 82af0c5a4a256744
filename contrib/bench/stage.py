"""Where one trial takes place: a network of its own, a tunnel in it, and what the kernel knows of its processes."""
import fcntl
import functools
import json
import math
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import threading
import time

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
sys.path.insert(0, os.path.join(TOP, "tests", "faults"))

import delay  # noqa: E402
from faults import Host, ip, sysctl  # noqa: E402
from harness import Scene, eventually  # noqa: E402
from peers import CONTROL_PORT, Place  # noqa: E402

PUBLIC_PORT, SERVICE_PORT = 9000, 5000
NEAR, FAR = "10.9.0.1", "10.9.0.2"
TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000


def network_of(pid):
    return os.stat(f"/proc/{pid}/ns/net").st_ino


class Trial(Scene):
    """One tunnel of one kind, or none (direct). far_s: the round trip between the hosts of server and client."""

    def __init__(self, peer, load, congestion=None, far_s=0, descriptors=None):
        super().__init__(network=True)
        self.peer, self.load, self.congestion, self.far_s = peer, load, congestion, far_s
        self.launcher = ["sh", "-c", 'ulimit -n "$0" && exec "$@"', str(descriptors)] if descriptors else []
        self.service = self.server = self.client = None
        self.address, self.port = "127.0.0.1", PUBLIC_PORT

    def __enter__(self):
        outside = network_of("self")
        super().__enter__()
        self.inside = network_of("self")
        assert self.inside != outside
        if self.congestion:
            sysctl("ipv4.tcp_congestion_control", self.congestion)
        sysctl("ipv4.ip_local_port_range", "10000 65535")  # the ports of ours are below
        self.client_host = self._separate() if self.far_s else None
        self.place = Place(self.folder, NEAR if self.far_s else "127.0.0.1", PUBLIC_PORT)
        return self

    def __exit__(self, *how):
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                if int(pid) != os.getpid() and network_of(pid) in self._networks():
                    os.kill(int(pid), signal.SIGKILL)  # also what has left the tree of its parent
            except OSError:
                pass  # it has ended
        super().__exit__(*how)

    def _networks(self):
        return {self.inside} | ({os.fstat(self.client_host.fd).st_ino} if self.client_host else set())

    def _separate(self):
        """A second host, behind a pair of devices between which packets take their time."""
        host = Host(self, "far")
        ends = open_tun(), host.do(open_tun)
        ip(f"addr add {NEAR}/24 dev bench", "link set bench up")
        host.ip(f"addr add {FAR}/24 dev bench", "link set bench up")
        threading.Thread(target=delay.carry, args=(*ends, self.far_s / 2), daemon=True).start()
        return host

    def at_client(self, function, *args, **named):
        return self.client_host.do(function, *args, **named) if self.client_host else function(*args, **named)

    # --- The tunnel

    def serve(self):
        """The service behind the tunnel: it echoes."""
        self.service = self.at_client(self.start, "service", self.load, "serve", SERVICE_PORT)
        self.service.wait_for("ready")

    def serve_iperf(self):
        """Now the service is an iperf3 server."""
        self.service.end()
        self.service = self.start("iperf", "iperf3", "-s", "-p", SERVICE_PORT, "--forceflush")
        self.service.wait_for("listening")

    def start_server(self):
        self.server = self.start("server", *self.launcher, *self.peer.server(self.place), env=self.peer.environment)

    def start_client(self, number=0):
        """number: of many; each has the next public port."""
        place = Place(self.folder, self.place.server, self.place.port + number)
        self.client = self.at_client(self.start, "client", *self.launcher, *self.peer.client(place, SERVICE_PORT),
                                     env=self.peer.environment)

    def tunnel(self):
        """All of it, working."""
        self.serve()
        if self.peer is None:
            self.address, self.port = FAR if self.far_s else "127.0.0.1", SERVICE_PORT
            return
        self.start_server()
        eventually(lambda: self.is_open(CONTROL_PORT), "the server listens")
        self.start_client()
        eventually(self.is_served, "a visitor is served")
        time.sleep(0.2)  # let it prepare what it prepares

    @staticmethod
    def is_open(port):
        try:
            socket.create_connection(("127.0.0.1", port), 5).close()
            return True
        except OSError:
            return False

    def is_served(self):
        """Whether a visitor has its answer."""
        try:
            with socket.create_connection((self.address, self.port), 5) as conn:
                conn.sendall(b"x")
                return conn.recv(1) == b"x"
        except OSError:
            return False

    # --- Load

    def run_load(self, *words):
        """What the load generator measured."""
        return json.loads(self._start_load(*words).communicate()[0])

    def hold(self, count, at_once, patience_s):
        """Connections that stay: what was measured, and a function that closes them."""
        holder = self._start_load("hold", self.address, self.port, count, at_once, patience_s)

        def close():
            holder.communicate()

        return json.loads(holder.stdout.readline()), close

    def _start_load(self, *words):
        return subprocess.Popen([self.load, *map(str, words)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    # --- Its processes

    def sides(self):
        """Process numbers of the server and of the client, with all that they have started."""
        children = {}
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
                    parent = file.read().rsplit(")", 1)[1].split()[1]
            except OSError:
                continue
            children.setdefault(int(parent), []).append(int(pid))

        def tree(pid):
            return [pid] + [below for child in children.get(pid, []) for below in tree(child)]

        return [tree(process.pid) for process in (self.server, self.client) if process]

    def cpu_s(self):
        """What the tunnel's processes have used so far, by the kernel's clock of each."""
        return sum(cpu_s(pid) for side in self.sides() for pid in side)


def open_tun():
    fd = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", b"bench", IFF_TUN | IFF_NO_PI))
    return fd


def cpu_s(pid):
    try:
        return time.clock_gettime((~pid << 3) | 2)  # as clock_getcpuclockid() makes it
    except OSError:
        return 0


def pss_kb(pid):
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
        return int(re.search(r"^Pss:\s+(\d+)", file.read(), re.M)[1])


def kernel_kb(pid):
    """Kernel stacks of its threads, and its page tables."""
    with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as file:
        lines = dict(re.findall(r"^(\w+):\s+(\d+)", file.read(), re.M))
    return int(lines["Threads"]) * kernel_stack_kb(), int(lines["VmPTE"])


@functools.lru_cache(maxsize=None)
def kernel_stack_kb():
    """That of one thread, a power of two; asked once, so that it cannot change between two looks."""
    with open("/proc/loadavg", encoding="ascii") as file:
        threads = int(file.read().split()[3].split("/")[1])
    return 1 << round(math.log2(system_kb("KernelStack") / threads))


def wakeups(pid):
    """How often its threads went to sleep on their own accord; those that have ended are not counted."""
    total = 0
    for thread in os.listdir(f"/proc/{pid}/task"):
        try:
            with open(f"/proc/{pid}/task/{thread}/status", encoding="ascii", errors="replace") as file:
                total += int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)", file.read(), re.M)[1])
        except OSError:
            pass  # it has ended
    return total


def system_kb(name):
    """A line of /proc/meminfo: of the whole system, neighbours included."""
    with open("/proc/meminfo", encoding="ascii") as file:
        return int(re.search(rf"^{name}:\s+(\d+)", file.read(), re.M)[1])


def compile_load(folder):
    os.makedirs(folder, exist_ok=True)
    program = os.path.join(folder, "load")
    source = os.path.join(os.path.dirname(os.path.abspath(__file__)), "load.c")
    if not os.path.exists(program) or os.path.getmtime(program) < os.path.getmtime(source):
        compiler = shutil.which(os.environ.get("CC", "cc")) or "cc"
        subprocess.run([compiler, "-O2", "-o", program, source], check=True)
    return program
