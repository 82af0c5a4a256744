/* transport - see transport.h */
#include "net/transport.h"

#include "base/clock.h"
#include "net/sockopt.h"
#include "os/fd.h"
#include "os/lock.h"

enum error
transport_peek(
    const struct transport *transport, void *bytes, size_t size, size_t *got)
{
	return transport_receive(transport, bytes, size, MSG_PEEK, got);
}

enum error
transport_gather(const struct transport *transport, struct iovec *parts,
    unsigned count, size_t *sent)
{
	const struct msghdr header = {.msg_iov = parts, .msg_iovlen = count};
	ssize_t taken;

	do
		taken = sendmsg(
		    transport->fd, &header, MSG_DONTWAIT | MSG_NOSIGNAL);
	while (taken == -1 && errno == EINTR);
	*sent = taken > 0 ? (size_t)taken : 0;
	return taken == -1 ? error_of_errno() : ERROR_NONE;
}

enum error
transport_wait(
    const struct transport *transport, short events, int64_t deadline_ms)
{
	struct pollfd slot = transport_poll(transport, events);
	int ready;

	lock_assert_none();
	do
		ready = poll(&slot, 1, clock_left_ms(deadline_ms));
	while (ready == -1 && (errno == EINTR || errno == EAGAIN));
	if (ready == -1)
		return ERROR_SYSTEM;
	return ready == 0 ? ERROR_TIMEOUT : ERROR_NONE;
}

enum error
transport_end(const struct transport *transport)
{
	return shutdown(transport->fd, SHUT_WR) == -1 ? error_of_errno()
	                                              : ERROR_NONE;
}

void
transport_wake(int fd)
{
	(void)shutdown(fd, SHUT_RD);
}

void
transport_reset(const struct transport *transport)
{
	sockopt_reset_on_close(transport->fd);
}

void
transport_keep_sent(const struct transport *transport)
{
	sockopt_send_on_close(transport->fd);
}

void
transport_close(struct transport *transport)
{
	fd_close(&transport->fd);
}
