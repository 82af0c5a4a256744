#!/usr/bin/env python3
"""Runs a command with mounts of its own, as "unshare --mount" does, in a chroot too: own_mounts.py COMMAND [ARGUMENT...]

In a chroot "/" may be no mount point, so its propagation cannot be set by that name, and what the command mounts would show
outside. setns() to the namespace that one is in already moves to its real root, where it can; from there back again."""
import ctypes
import os
import sys

CLONE_NEWNS = 0x20000
MS_REC, MS_PRIVATE = 0x4000, 0x40000
libc = ctypes.CDLL(None, use_errno=True)


def check(what, result):
    if result != 0:
        sys.exit(f"own_mounts.py: {what}: {os.strerror(ctypes.get_errno())}")


check("unshare", libc.unshare(CLONE_NEWNS))
# Opened now, they are in the new namespace
root, folder = (os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC) for path in ("/", "."))
namespace = os.open("/proc/self/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)
check("setns", libc.setns(namespace, CLONE_NEWNS))
check("mount", libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None))
os.fchdir(root)
os.chroot(".")
os.fchdir(folder)
os.execvp(sys.argv[1], sys.argv[1:])
