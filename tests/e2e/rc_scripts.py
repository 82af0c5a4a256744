#!/usr/bin/env python3
"""The scripts for OpenRC, OpenWrt and FreeBSD, each read by a shell that plays its system: none runs as root or without a
state file unless told to, none needs what is not everywhere, and what signals a client does so without help."""
import os
import re
import subprocess

from harness import REBORE, Scene, skip

FOLDER = os.path.join(os.path.dirname(os.path.abspath(REBORE)), "contrib")

OPENRC = """
RC_SVCNAME=rebore
checkpath() { echo "checkpath $*"; }
ebegin() { :; }
eend() { return "$1"; }
eerror() { echo "eerror $*"; }
need() { echo "need $*"; }
use() { echo "use $*"; }
after() { :; }
id() { [ "$2" != no-such-user ]; }
"""
OPENWRT = """
config_load() { :; }
config_foreach() { "$1" "$2-section"; }
config_get_bool() { eval "$1=1"; }
config_get() {
	case $3 in
	port) eval "$1=8080" ;;
	keepalive) eval "$1=30" ;;
	*) eval "$1=\\${4-}" ;;
	esac
}
user_exists() { return 1; }
group_add_next() { echo 1234; }
user_add() { echo "user_add $*"; }
chown() { echo "chown $*"; }
mkdir() { :; }
procd_open_instance() { echo "instance $*"; }
procd_close_instance() { :; }
procd_set_param() { echo "set $*"; }
procd_append_param() { echo "append $*"; }
"""
FREEBSD = """
load_rc_config() { :; }
run_rc_command() { :; }
id() { [ "$2" != no-such-user ]; }
install() { echo "install $*"; }
err() { shift; echo "err $*"; exit 1; }
"""

with Scene() as scene:
    # That of Debian, which knows no signal alone
    os.mkdir(os.path.join(scene.folder, "bin"))
    scene.file("bin/start-stop-daemon", "#!/bin/sh\necho 'need one of --start, --stop or --status' >&2\nexit 2\n", 0o755)
    environment = scene.environment({"PATH": f"{scene.folder}/bin:{os.environ['PATH']}"})

    def play(name, prelude, epilogue, given=""):
        """Lets a shell read the script, with what its system has in front and what the test wants to see behind."""
        path = os.path.join(FOLDER, name)
        if not os.path.exists(path):
            skip(f"{path} is not built")
        with open(path, encoding="utf-8") as file:
            text = file.read().replace(". /etc/rc.subr", ":")
        script = scene.file(name, "\n".join((prelude, given, text, epilogue)))
        done = subprocess.run(["sh", script], env=environment, capture_output=True, text=True, check=False)
        return done.stdout, done

    # OpenRC
    said, done = play("rebore.openrc", OPENRC, 'depend; start_pre; echo "as $command_user"; echo "args $command_args"')
    assert "need" not in said and "use net" in said, said
    assert "as rebore\n" in said and re.search(r"--state-file /var/lib/rebore/rebore\.state$", said, re.M), done
    assert re.search(r"^checkpath .*--owner rebore .*/var/lib/rebore$", said, re.M), said
    said, done = play("rebore.openrc", OPENRC, "start_pre", "rebore_user=no-such-user")
    assert done.returncode != 0 and "eerror There is no user no-such-user" in said, done
    said, _ = play("rebore.openrc", OPENRC, 'echo "$command_args"', 'rebore_args="local --state-file /x --to host 80"')
    assert said.count("--state-file") == 1, said
    # A process that ends by the signal
    sleeper = scene.start("sleeper", "sleep", "1000")
    pid_file = scene.file("pid", f"{sleeper.pid}\n")
    said, done = play("rebore.openrc", OPENRC, f"pidfile={pid_file}; retry")
    assert done.returncode == 0, done
    assert sleeper.status() == -1, "SIGHUP has reached the process of the pid file"

    # OpenWrt
    said, done = play("rebore.openwrt", OPENWRT, "start_service")
    for kind in ("local", "server"):
        part = said[said.index(f"instance {kind}-section"):]
        assert "set user rebore\n" in part and "set respawn 3600 5 0\n" in part, part
        assert f"append command --state-file /var/lib/rebore/{kind}-section.state\n" in part, part
        assert "append command --keepalive 30\n" in part, part
    assert "user_add rebore  1234" in said and "chown rebore /var/lib/rebore" in said, said

    # FreeBSD
    said, done = play("rebore.freebsd", FREEBSD, f'"$start_precmd"; echo "as $rebore_user $command_args"')
    assert re.search(r"^as rebore .*--state-file /var/db/rebore/state$", said, re.M), done
    assert "install -d -o rebore -m 700 /var/db/rebore\n" in said, said
    said, done = play("rebore.freebsd", FREEBSD, '"$start_precmd"', "rebore_user=no-such-user")
    assert done.returncode != 0 and "err there is no user" in said, done
