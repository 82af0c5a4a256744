#!/bin/sh
# check_layers.sh finds what it is there for: forbidden includes, calls and names, planted in a copy of the sources.
top=$(cd "${top_srcdir:-.}" && pwd) || exit 99
work=$(mktemp -d) || exit 99
trap 'rm -rf "$work"' EXIT
status=0

# Plant the line $2 in the file $1 of a fresh copy, and run the check on it
check()
{
	rm -rf "$work/src"
	cp -R "$top/src" "$work/src" && chmod -R u+w "$work/src" || exit 99
	[ -z "$2" ] || printf '%s\n' "$2" >>"$work/src/$1"
	top_srcdir=$work sh "$top/tests/check_layers.sh" >"$work/output" 2>&1
}

must_pass()
{
	check "$@" && return
	echo "refused in $1: $2"
	cat "$work/output"
	status=1
}

must_fail()
{
	if check "$@"; then
		echo "not found in $1: $2"
		status=1
	elif ! grep -q "^$1:" "$work/output"; then
		echo "found, but not told where, in $1: $2"
		status=1
	fi
}

must_pass base/hex.c ''
must_pass wire/frame.c '#include "base/hex.h"'
must_pass server/server.h '#include "relay/relay.h"'
must_pass client/client.h '#include <netinet/in.h>'
# A folder further right
must_fail base/hex.c '#include "os/fd.h"'
must_fail base/hex.h '#include "base/../os/fd.h"'
must_fail os/fd.c '#include "net/address.h"'
must_fail net/dial.h '#include "wire/frame.h"'
must_pass stream/stream.c '#include "wire/frame.h"'
must_fail wire/frame.c '#include "stream/stream.h"'
must_fail wire/frame.c '#include "relay/relay.h"'
must_fail stream/stream.c '#include "relay/relay.h"'
must_fail relay/relay.c '#include "client/client.h"'
must_fail relay/relay.c '#include "server/server.h"'
# Each other
must_fail client/client.c '#include "server/server.h"'
must_fail server/server.c '#include "client/client.h"'
# What stands above them all
must_fail base/log.c '#include "options.h"'
must_fail server/server.h '#include "config.h"'
# Other ways to write it
must_fail base/hex.c '# include "os/fd.h"'
must_fail base/hex.c '	#include	"os/fd.h"'
must_fail base/hex.c '#include <os/fd.h>'
must_fail base/hex.c '#include "../os/fd.h"'
# Circles: two modules, and more of them; a header and the source of the same module count as one
must_pass server/lease.c '#include "server/lease.h"'
must_fail server/registry.c '#include "server/tunnel.h"'
must_fail server/lease.h '#include "server/tunnel.h"'
must_fail server/pending.c '#include "server/handout.h"'
must_fail wire/message_extensions.h '#include "wire/message.h"'
must_fail client/client_options.h '#include "client/client.h"'
must_fail client/service.c '#include "client/worker.h"'
# A socket that is read, written or ended without its transport
must_pass net/dial.c '	recv(fd, bytes, size, 0);'
must_pass os/notify.c '	send(fd, bytes, size, 0);'
must_pass server/session.c '	channel_send(&channel, &message, deadline_ms);'
must_pass relay/relay_copy.c '/* What recv() says of it. */'
must_fail wire/channel.c '	got = recv(channel->transport.fd, space, room, MSG_DONTWAIT);'
must_fail relay/relay_copy.c '	if (send(flow->to.fd, bytes, size, MSG_NOSIGNAL) == -1)'
must_fail client/worker.c '	sendmsg(worker->fd, &header, 0);'
must_fail client/visit.h 'ssize_t got = recvmsg(fd, &header, 0);'
must_fail stream/stream.c '	recv(fd, bytes, size, 0);'
must_fail server/link.c 'recvfrom (fd, bytes, size, 0, NULL, NULL);'
must_fail server/handout.c '	shutdown(fd, SHUT_RDWR);'
must_fail server/spares.c '	ssize_t got = recv('
# A clock, a peer or a lock in what only decides
must_pass server/tunnel.c '	return clock_now_ms();'
must_fail server/lease.c '	return clock_now_ms();'
must_fail client/reconnect.c '	uint32_t bits = random_u32();'
must_fail stream/stream.c '	log_info("a line");'
must_fail client/control_state.c '	lock_take(&state->lock);'
must_fail stream/stream_flow.c '	poll(slots, 2, -1);'
# Two static functions of one name; the second one in the order of files is told
must_pass wire/frame.c 'static void
walk_lightly(void)
{
}'
must_pass wire/frame.c 'void
digit_value(int not_static)
{
}'
must_fail wire/frame.c 'static void
digit_value(int unused)
{
}'
must_fail server/tunnel.h 'static inline unsigned
class_of(unsigned count)
{
	return count;
}'
must_fail wire/frame.c '__attribute__((__unused__)) static int
digit_value(int unused)
{
	return unused;
}'
exit $status
