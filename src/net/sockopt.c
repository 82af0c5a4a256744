/* sockopt - see sockopt.h */
#include "net/sockopt.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>

#include "base/log.h"

#define INTERVAL_MOST_S 15

const struct sockopt_keepalive sockopt_keepalive_control = {30, 10, 3};
struct sockopt_keepalive sockopt_keepalive_proxied = {
    SOCKOPT_IDLE_S, INTERVAL_MOST_S, 4};

void
sockopt_set_proxied_idle(unsigned idle_s)
{
	sockopt_keepalive_proxied.idle_s = (int)idle_s;
	sockopt_keepalive_proxied.interval_s =
	    idle_s < INTERVAL_MOST_S ? (int)idle_s : INTERVAL_MOST_S;
}

/* Set an option. Returns false, with one warning per process, if it is
 * refused. */
static bool
set_or_warn(int fd, int level, int option, int value, const char *name)
{
	static atomic_flag warned = ATOMIC_FLAG_INIT;

	if (setsockopt(fd, level, option, &value, sizeof value) == 0)
		return true;
	/* A peer that is gone already is not the system's fault. */
	if (errno != EINVAL && errno != ECONNRESET &&
	    !atomic_flag_test_and_set(&warned))
		log_warning("cannot set %s on a connection: %s; a peer that "
			    "vanishes may be noticed late",
		    name, strerror(errno));
	return false;
}

#if defined(TCP_KEEPIDLE) && defined(TCP_KEEPINTVL) && defined(TCP_KEEPCNT)
static void
set_times(int fd, const struct sockopt_keepalive *keepalive)
{
	if (set_or_warn(fd, IPPROTO_TCP, TCP_KEEPIDLE, keepalive->idle_s,
		"the keepalive time") &&
	    set_or_warn(fd, IPPROTO_TCP, TCP_KEEPINTVL, keepalive->interval_s,
		"the keepalive interval"))
		set_or_warn(fd, IPPROTO_TCP, TCP_KEEPCNT, keepalive->probes,
		    "the keepalive count");
}
#else
/* OpenBSD has them only for the whole system: net.inet.tcp.keepidle of
 * sysctl(8). */
static void
set_times(int fd, const struct sockopt_keepalive *keepalive)
{
	(void)fd;
	(void)keepalive;
}
#endif

void
sockopt_set_keepalive(int fd, const struct sockopt_keepalive *keepalive)
{
	if (set_or_warn(fd, SOL_SOCKET, SO_KEEPALIVE, 1, "keepalive"))
		set_times(fd, keepalive);
}

void
sockopt_hurry(int fd)
{
	set_or_warn(fd, IPPROTO_TCP, TCP_NODELAY, 1, "TCP_NODELAY");
}

void
sockopt_prepare(int fd, const struct sockopt_keepalive *keepalive)
{
	sockopt_hurry(fd);
	sockopt_set_keepalive(fd, keepalive);
}

/* Whether it has inherited what its listener has. One option tells of all, and
 * one socket of all: what a system passes on does not change. */
static bool
has_inherited(int fd)
{
	static atomic_bool inherits;
	int on = 0;
	socklen_t length = sizeof on;

	if (atomic_load_explicit(&inherits, memory_order_relaxed))
		return true;
	if (getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, &length) == 0 &&
	    on != 0)
		atomic_store(&inherits, true);
	return on != 0;
}

void
sockopt_prepare_accepted(int fd)
{
	if (has_inherited(fd))
		return;
	sockopt_keep_urgent(fd);
	sockopt_prepare(fd, &sockopt_keepalive_proxied);
}

void
sockopt_keep_urgent(int fd)
{
	const int on = 1;

	/* If it is refused, urgent bytes are skipped, but nothing else
	 * happens. */
	(void)setsockopt(fd, SOL_SOCKET, SO_OOBINLINE, &on, sizeof on);
}

void
sockopt_reset_on_close(int fd)
{
	const struct linger linger = {.l_onoff = 1, .l_linger = 0};

	/* A socket that is reset already does not need it. */
	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
}

void
sockopt_send_on_close(int fd)
{
	const struct linger linger = {.l_onoff = 0};

	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
}

int
sockopt_take_error(int fd)
{
	int error = 0;
	socklen_t length = sizeof error;

	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) == -1)
		return errno;
	return error;
}
