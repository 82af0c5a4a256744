/* listen - see listen.h */
#include "net/listen.h"

#include <errno.h>
#include <limits.h>
#include <unistd.h>

#include "net/socket.h"
#include "net/sockopt.h"
#include "os/fd.h"

/* The system cuts it to its own maximum (Linux: net.core.somaxconn). */
#define BACKLOG INT_MAX

static bool
set_flag(int sock, int level, int option, int value)
{
	return setsockopt(sock, level, option, &value, sizeof value) == 0;
}

enum error
listen_open(const struct address *address, int *fd)
{
	enum error error = ERROR_NONE;
	int family = address->socket.generic.sa_family;
	int sock;

	*fd = -1;
	sock = socket_open(family);
	if (sock == -1 || !set_flag(sock, SOL_SOCKET, SO_REUSEADDR, 1) ||
	    (family == AF_INET6 &&
		!set_flag(sock, IPPROTO_IPV6, IPV6_V6ONLY, 0)) ||
	    bind(sock, &address->socket.generic, address->length) == -1 ||
	    listen(sock, BACKLOG) == -1) {
		error = error_of_errno();
		goto out;
	}
	sockopt_prepare(sock, &sockopt_keepalive_proxied);
	*fd = sock;
	sock = -1; /* the caller's now */
out:
	fd_close(&sock);
	return error;
}

/*
 * What accept() reports of the connection rather than of the listener (accept(2),
 * "Error handling", and POSIX): that one is lost, the next may be well.
 */
static bool
is_of_connection(int number)
{
	switch (number) {
	case EINTR:
	case ECONNABORTED:
	case EPROTO:
	case ENETDOWN:
	case ENOPROTOOPT:
	case EHOSTDOWN:
	case EHOSTUNREACH:
	case EOPNOTSUPP:
	case ENETUNREACH:
	case ETIMEDOUT:
	case EPERM: /* a firewall rule */
		return true;
	default:
		return false;
	}
}

enum error
listen_accept(int listener, int *fd, struct address *peer)
{
	enum error error;

	*fd = socket_accept(listener, peer);
	if (*fd != -1)
		return ERROR_NONE;
	if (is_of_connection(errno))
		return ERROR_RESET;
	error = error_of_errno();
	if (error == ERROR_AGAIN || error == ERROR_RESOURCES ||
	    error == ERROR_MEMORY)
		return error;
	return ERROR_SYSTEM;
}
