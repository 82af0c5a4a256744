#!/usr/bin/env python3
"""shellcheck finds nothing in any script, each in the dialect of the shell that runs it."""
import glob
import os
import subprocess

from harness import REBORE, need

CHECK = need("shellcheck")
top = os.environ.get("top_srcdir", ".")
built = os.path.join(os.path.dirname(os.path.abspath(REBORE)), "contrib")

found = {path: None for pattern in ("autogen.sh", "contrib/quickstart", "contrib/runtests", "tests/*.sh", ".ci/run")
         for path in glob.glob(os.path.join(top, pattern))}
found |= {path: "bash" for path in glob.glob(os.path.join(top, "contrib/completion/rebore.bash"))}
# rc.common, openrc-run and rc.subr are read by a plain shell
found |= {path: "sh" for path in glob.glob(os.path.join(built, "rebore.*"))}
assert len(found) >= 7, found
for path, dialect in found.items():
    subprocess.run([CHECK, *(["-s", dialect] if dialect else []), path], check=True)
