#!/usr/bin/env python3
"""ssh and scp through the tunnel: a command, 5 MB each way."""
import getpass
import hashlib
import os
import shutil
import subprocess

from harness import Scene, eventually, free_port, is_refused, need, need_root, noise

SSHD, SSH, SCP, KEYGEN = need("sshd", "ssh", "scp", "ssh-keygen")
SFTP_SERVER = next((path for path in ("/usr/lib/openssh/sftp-server", "/usr/libexec/sftp-server") if os.path.exists(path)),
                   "internal-sftp")
need_root()  # sshd wants its folder in /run, and to read its keys

with Scene(network=True) as scene:
    for name in ("host", "user"):
        subprocess.run([KEYGEN, "-q", "-t", "ed25519", "-N", "", "-f", f"{scene.folder}/{name}"], check=True)
    shutil.copy(f"{scene.folder}/user.pub", f"{scene.folder}/authorized")
    service_port = free_port()
    config = scene.file("sshd_config", f"""
        ListenAddress 127.0.0.1:{service_port}
        HostKey {scene.folder}/host
        AuthorizedKeysFile {scene.folder}/authorized
        PidFile none
        StrictModes no
        UsePAM no
        UseDNS no
        PasswordAuthentication no
        PermitRootLogin prohibit-password
        Subsystem sftp {SFTP_SERVER}
        """)
    os.makedirs("/run/sshd", 0o755, exist_ok=True)
    scene.start("sshd", SSHD, "-D", "-e", "-f", config)
    eventually(lambda: not is_refused(service_port), "sshd listens")
    server = scene.server("-s", "x")
    client = scene.client(service_port, server, "-s", "x")
    port = client.public_port()
    options = ["-F", "/dev/null", "-i", f"{scene.folder}/user", "-o", "StrictHostKeyChecking=no", "-o", "BatchMode=yes",
               "-o", f"UserKnownHostsFile={scene.folder}/known", "-o", "LogLevel=ERROR"]
    user = getpass.getuser()

    done = subprocess.run([SSH, *options, "-p", str(port), f"{user}@127.0.0.1", "cat; echo done"], input=b"through",
                          capture_output=True, timeout=60, check=False)
    assert done.returncode == 0 and done.stdout == b"throughdone\n", done

    data = noise(5_000_000)
    there, back = f"{scene.folder}/there", f"{scene.folder}/back"
    subprocess.run([SCP, "-q", *options, "-P", str(port), scene.file("data", data), f"{user}@127.0.0.1:{there}"],
                   check=True, timeout=60)
    subprocess.run([SCP, "-q", *options, "-P", str(port), f"{user}@127.0.0.1:{there}", back], check=True, timeout=60)
    for path in (there, back):
        with open(path, "rb") as file:
            assert hashlib.sha256(file.read()).digest() == hashlib.sha256(data).digest()
    # An end that is in order on both sides
    client.wait_for(r"visitor .*: [0-9.]+ s, \d+ bytes in, \d+ bytes out\n")
