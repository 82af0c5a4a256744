/* socket for systems without accept4(2) - see socket.h */
#include "net/socket.h"
#include "os/fd.h"

static int
prepared(int fd)
{
	if (fd != -1 && fd_prepare(fd))
		fd_close(&fd);
	return fd;
}

int
socket_open(int family)
{
	return prepared(socket(family, SOCK_STREAM, 0));
}

int
socket_accept(int listener, struct address *peer)
{
	peer->length = sizeof peer->socket;
	return prepared(accept(listener, &peer->socket.generic, &peer->length));
}
