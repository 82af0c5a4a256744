#!/usr/bin/env python3
"""systemd finds nothing wrong with the units, and they say what their programs need: Type=notify, statuses, limits. What a
unit cannot do without it asserts, and it is restarted at once and for ever, but not with a status that stays."""
import os
import re
import shutil
import subprocess

from harness import REBORE, Scene, need, skip

ANALYZE = need("systemd-analyze")
FOLDER = os.path.join(os.path.dirname(os.path.abspath(REBORE)), "contrib")
UNITS = {"rebore-server.service": "rebore-server.service", "rebore-local@.service": "rebore-local@some.service"}

with Scene() as scene:
    program = os.path.join(scene.folder, "rebore")
    shutil.copy(REBORE, program)
    for source, name in UNITS.items():
        path = os.path.join(FOLDER, source)
        if not os.path.exists(path):
            skip(f"{path} is not built")
        with open(path, encoding="utf-8") as file:
            text = file.read()
        for line in ("Type=notify", "RestartPreventExitStatus=2 77 78", "TasksMax=infinity", "RestartSec=100ms",
                     "StartLimitIntervalSec=0"):
            assert f"\n{line}\n" in text, (source, line)
        assert re.search(r"^LimitNOFILE=\d+$", text, re.M), source
        assert not re.search(r"@\w+@", text) and re.search(r"^ExecStart=/\S+/rebore ", text, re.M), source
        read = set(re.findall(r"\bcat (/\S+) >new;", text) + re.findall(r"^EnvironmentFile=(/\S+)", text, re.M))
        asserted = set(re.findall(r"^AssertPathExists=(\S+)", text, re.M))
        assert asserted and read == asserted, (source, read, asserted)
        # The program is not installed yet
        scene.file(name, re.sub(r"^ExecStart=\S+/rebore ", f"ExecStart={program} ", text, flags=re.M), 0o644)
    done = subprocess.run([ANALYZE, "--man=no", "verify", *[os.path.join(scene.folder, name) for name in UNITS.values()]],
                          capture_output=True, text=True, check=False)
    ours = [line for line in (done.stdout + done.stderr).splitlines() if "rebore" in line]
    assert done.returncode == 0 and not ours, done
    # The check is awake
    broken = scene.file("rebore-broken.service", "[Service]\nExecStart=/no/such/rebore\n", 0o644)
    assert subprocess.run([ANALYZE, "--man=no", "verify", broken], capture_output=True, check=False).returncode != 0
