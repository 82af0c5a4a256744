#!/usr/bin/env python3
"""configure finds a folder for the units also where pkg-config knows nothing of systemd, and within a prefix of one's own."""
import os
import subprocess

from harness import Scene, need, skip

PKG_CONFIG = need("pkg-config")
CONFIGURE = os.path.abspath(os.path.join(os.environ.get("top_srcdir", "."), "configure"))
if not os.path.exists(CONFIGURE):
    skip(f"{CONFIGURE} is not made")
if os.path.exists(os.path.join(os.path.dirname(CONFIGURE), "config.status")):
    skip("the source folder is a build folder")

with Scene() as scene:
    # What Debian 13 has without systemd-dev
    without_systemd = scene.file("pkg-config", f'#!/bin/sh\ncase "$*" in *systemd*) exit 1 ;; esac\nexec {PKG_CONFIG} "$@"\n',
                                 0o755)

    def configure(name, *arguments):
        """Returns what the summary says, and the folder for units that the Makefile has."""
        folder = os.path.join(scene.folder, name)
        os.mkdir(folder)
        env = scene.environment({"PKG_CONFIG": without_systemd, "CONFIG_SITE": "/dev/null"})
        done = subprocess.run([CONFIGURE, "-q", f"--cache-file={scene.folder}/cache", *arguments], cwd=folder, env=env,
                              capture_output=True, text=True, check=False)
        assert done.returncode == 0, done
        with open(os.path.join(folder, "Makefile"), encoding="utf-8") as file:
            made = dict(line.rstrip("\n").split(" = ", 1) for line in file if line[0].isalpha() and " = " in line)
        return done.stdout, made.get("systemdsystemunitdir", ""), made.get("sysconfdir", "")

    there = next((path for path in ("/usr/lib/systemd/system", "/lib/systemd/system") if os.path.isdir(path)), "")
    said, units, sysconfdir = configure("system")
    assert units == there and sysconfdir == "/etc", (units, sysconfdir, said)
    assert ("WARNING" in said) == (not there), said

    # Who installs for themselves needs to be root nowhere
    said, units, sysconfdir = configure("own", f"--prefix={scene.folder}/own-prefix")
    assert units.startswith("${prefix}/") and sysconfdir.startswith("${prefix}/"), (units, sysconfdir)
    assert "systemctl link" in said, said

    # What was asked for is done
    said, units, sysconfdir = configure("asked", "--with-systemdsystemunitdir=/some/where", "--sysconfdir=/opt/etc")
    assert (units, sysconfdir) == ("/some/where", "/opt/etc"), (units, sysconfdir)
    said, units, _ = configure("no", "--without-systemdsystemunitdir")
    assert units == "", units
