/* socket over SOCK_NONBLOCK and accept4(2) - see socket.h */
#include "net/socket.h"

#define FLAGS (SOCK_NONBLOCK | SOCK_CLOEXEC)

int
socket_open(int family)
{
	return socket(family, SOCK_STREAM | FLAGS, 0);
}

int
socket_accept(int listener, struct address *peer)
{
	peer->length = sizeof peer->socket;
	return accept4(listener, &peer->socket.generic, &peer->length, FLAGS);
}
