#!/usr/bin/env python3
"""make install: the units are among the examples too, the folder for tunnels is made, the man pages name the folders that
were configured, and make uninstall leaves nothing but what the user has put there."""
import os
import shutil
import subprocess

from harness import REBORE, Scene, need, skip

MAKE = need("make")
BUILD = os.path.dirname(os.path.abspath(REBORE))
if not os.path.exists(os.path.join(BUILD, "Makefile")):
    skip(f"{BUILD} is no build folder")
# What an outer make says is not for this one
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("MAKE") and name != "DESTDIR"}


def make(*arguments):
    done = subprocess.run([MAKE, "-C", BUILD, *arguments], env=ENVIRONMENT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done
    return done


def variable(name):
    """What a variable of the Makefile comes to."""
    rule = f"print-it: ; @echo $({name})"
    return make("-s", "--no-print-directory", "--eval", rule, "print-it").stdout.strip()


def files(folder):
    return sorted(os.path.relpath(os.path.join(where, name), folder)
                  for where, _, names in os.walk(folder) for name in names)


with Scene() as scene:
    def installed(name, *below):
        return os.path.join(stage + variable(name), *below)

    stage = os.path.join(scene.folder, "stage")
    make("install", f"DESTDIR={stage}")
    examples = os.listdir(installed("docdir", "examples"))
    for name in ("rebore-server.service", "rebore-local@.service", "rebore.init", "rebore.openrc", "rebore.openwrt",
                 "rebore.freebsd"):
        assert name in examples, (name, examples)
    units = variable("systemdsystemunitdir")
    if units:
        assert set(os.listdir(stage + units)) == {"rebore-server.service", "rebore-local@.service"}, units
    assert os.stat(installed("confdir", "local")).st_mode & 0o777 == 0o700
    for page in ("man1/rebore.1", "man8/rebore-server.8"):
        with open(installed("mandir", page), encoding="utf-8") as file:
            text = file.read()
        assert f"{variable('confdir')}/" in text, page

    # Once more over itself, with a secret there, which stays
    secret = installed("confdir", "local", "web.secret")
    with open(secret, "w", encoding="ascii") as file:
        file.write("s3cret\n")
    make("install", f"DESTDIR={stage}")
    make("uninstall", f"DESTDIR={stage}")
    assert files(stage) == [os.path.relpath(secret, stage)], files(stage)
    os.remove(secret)
    make("install", f"DESTDIR={stage}")
    make("uninstall", f"DESTDIR={stage}")
    left = installed("confdir")
    assert files(stage) == [] and not os.path.exists(left), files(stage)

    # Nobody who may install the program is kept from it by a folder that cannot be made
    shutil.rmtree(stage)
    blocked = installed("confdir")
    os.makedirs(os.path.dirname(blocked))
    with open(blocked, "w", encoding="ascii"):
        pass
    done = make("install", f"DESTDIR={stage}")
    assert "make it by hand" in done.stderr.lower(), done
