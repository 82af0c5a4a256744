/* listen - see listen.h */
#include "net/listen.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "net/socket.h"
#include "net/sockopt.h"
#include "os/fd.h"

/* The system cuts it to its maximum (Linux: net.core.somaxconn). */
#define BACKLOG INT_MAX

/* How often to have the system choose another port: the one that it chose for
 * IPv6 may be taken for IPv4. */
#define TRIES 16

static bool
set_flag(int sock, int level, int option, int value)
{
	return setsockopt(sock, level, option, &value, sizeof value) == 0;
}

/* "::" */
static bool
is_any_v6(const struct address *address)
{
	return address->socket.generic.sa_family == AF_INET6 &&
	       IN6_IS_ADDR_UNSPECIFIED(&address->socket.v6.sin6_addr);
}

static void
make_any_v4(struct address *address, uint16_t port)
{
	memset(address, 0, sizeof *address);
	address->length = sizeof address->socket.v4;
	address->socket.v4.sin_family = AF_INET;
	address->socket.v4.sin_addr.s_addr = htonl(INADDR_ANY);
	address_set_port(address, port);
}

/* takes_v4: set to whether IPv4 connections come to the same socket. */
static enum error
open_socket(const struct address *address, int *fd, bool *takes_v4)
{
	enum error error = ERROR_NONE;
	int family = address->socket.generic.sa_family;
	int sock = socket_open(family);

	*takes_v4 =
	    family == AF_INET ||
	    (sock != -1 && set_flag(sock, IPPROTO_IPV6, IPV6_V6ONLY, 0));
	if (sock == -1 || !set_flag(sock, SOL_SOCKET, SO_REUSEADDR, 1) ||
	    bind(sock, &address->socket.generic, address->length) == -1 ||
	    listen(sock, BACKLOG) == -1) {
		error = error_of_errno();
		goto out;
	}
	sockopt_keep_urgent(sock);
	sockopt_prepare(sock, &sockopt_keepalive_proxied);
	*fd = sock;
	sock = -1; /* belongs to the caller from here on */
out:
	fd_close(&sock);
	return error;
}

/* There is no IPv6, in the kernel or in this container. */
static bool
lacks_family(int number)
{
	return number == EAFNOSUPPORT || number == EPROTONOSUPPORT ||
	       number == EADDRNOTAVAIL;
}

/* A second socket for IPv4, at the port of the first. */
static enum error
open_second(struct listener *listener)
{
	struct address first, second;
	enum error error;
	bool takes_v4;

	if (!address_of_socket(listener->fds[0], &first))
		return error_of_errno();
	make_any_v4(&second, address_port(&first));
	error = open_socket(&second, &listener->fds[1], &takes_v4);
	return error && lacks_family(errno) ? ERROR_NONE : error;
}

/* Listen on "::", at the port in address. */
static enum error
open_any_v6(const struct address *address, struct listener *listener)
{
	struct address v4;
	enum error error;
	bool takes_v4;

	error = open_socket(address, &listener->fds[0], &takes_v4);
	if (error && lacks_family(errno)) {
		make_any_v4(&v4, address_port(address));
		return open_socket(&v4, &listener->fds[0], &takes_v4);
	}
	if (error == ERROR_NONE && !takes_v4)
		error = open_second(listener);
	if (error)
		listen_close(listener);
	return error;
}

enum error
listen_open(const struct address *address, struct listener *listener)
{
	enum error error = ERROR_IN_USE;
	bool takes_v4;

	*listener = (struct listener)LISTENER_INITIALIZER;
	if (!is_any_v6(address))
		return open_socket(address, &listener->fds[0], &takes_v4);
	for (int i = 0; i < TRIES && error == ERROR_IN_USE; i++) {
		error = open_any_v6(address, listener);
		if (address_port(address) != 0)
			break;
	}
	return error;
}

enum error
listen_probe(const struct address *address)
{
	enum error error = ERROR_NONE;
	struct address one = *address;
	int sock = socket_open(one.socket.generic.sa_family);

	address_set_port(&one, 0);
	if (sock != -1 && bind(sock, &one.socket.generic, one.length) == -1 &&
	    errno == EADDRNOTAVAIL && !is_any_v6(address))
		error = ERROR_SYSTEM;
	fd_close(&sock);
	return error;
}

/*
 * Errors of accept() that concern the connection and not the listener
 * (accept(2), "Error handling", and POSIX): that connection is lost, the next
 * one may be fine.
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

static enum error
accept_from(int sock, int *fd, struct address *peer)
{
	enum error error;

	*fd = socket_accept(sock, peer);
	if (*fd != -1) {
		address_unmap(peer);
		return ERROR_NONE;
	}
	if (is_of_connection(errno))
		return ERROR_RESET;
	error = error_of_errno();
	if (error == ERROR_AGAIN || error == ERROR_RESOURCES ||
	    error == ERROR_MEMORY)
		return error;
	return ERROR_SYSTEM;
}

enum error
listen_accept(struct listener *listener, int *fd, struct address *peer)
{
	enum error error;

	if (listener->fds[1] == -1)
		return accept_from(listener->fds[0], fd, peer);
	/* Alternate, so that neither family starves the other. */
	listener->turn = !listener->turn;
	error = accept_from(listener->fds[listener->turn], fd, peer);
	if (error == ERROR_AGAIN)
		error = accept_from(listener->fds[!listener->turn], fd, peer);
	return error;
}

bool
listen_address(const struct listener *listener, struct address *address)
{
	return address_of_socket(listener->fds[0], address);
}

void
listen_close(struct listener *listener)
{
	for (int i = 0; i < LISTEN_SOCKETS; i++)
		fd_close(&listener->fds[i]);
}
