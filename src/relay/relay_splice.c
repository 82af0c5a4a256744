/* relay_splice - a flow through a pipe, by splice(2); see relay_flow.h */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "relay/relay_flow.h"

/* A splice that moves fewer bytes is no better than a copy, so the flow goes
 * back to the buffer. */
#define SHORT_BYTES ((ssize_t)32 * 1024)
/* After so many rounds the other direction gets its turn. */
#define ROUNDS 16

/* SPLICE_F_MORE would delay the end of a message. */
#define FLAGS (SPLICE_F_MOVE | SPLICE_F_NONBLOCK)

static ssize_t
move(int from, int to, size_t size)
{
	ssize_t moved;

	do
		moved = splice(from, NULL, to, NULL, size, FLAGS);
	while (moved == -1 && errno == EINTR);
	return moved;
}

/* Returns the error of a splice. Where the system refuses to splice these
 * sockets, it is not tried again. */
static enum error
splice_error(struct relay_flow *flow)
{
	if (errno != EINVAL && errno != ENOSYS && errno != ENOMEM)
		return error_of_errno();
	flow->splicing = false;
	flow->can_splice = false;
	return ERROR_AGAIN; /* the next step copies */
}

/*
 * Move bytes into the pipe.
 *
 * polled: as of relay_splice_step(). If splice() finds nothing then, it may
 * have come to an urgent mark, which it does not pass: it fails with EAGAIN
 * there, or returns 0 although bytes follow. Only a read can tell which.
 */
static enum error
fill_pipe(struct relay_flow *flow, bool polled)
{
	ssize_t moved;

	if (flow->pipe.read_fd == -1 && pipes_borrow(&flow->pipe)) {
		flow->splicing = false; /* no pipe: copy for now */
		return ERROR_AGAIN;
	}
	moved =
	    move(transport_fd(&flow->from), flow->pipe.write_fd, PIPES_BYTES);
	if (moved == 0 || (moved == -1 && errno == EAGAIN && polled)) {
		flow->splicing = false;
		return ERROR_AGAIN;
	}
	if (moved == -1)
		return splice_error(flow);
	flow->piped = (uint32_t)moved;
	if (moved < SHORT_BYTES)
		flow->splicing = false;
	return ERROR_NONE;
}

static enum error
empty_pipe(struct relay_flow *flow)
{
	while (flow->piped > 0) {
		ssize_t moved = move(
		    flow->pipe.read_fd, transport_fd(&flow->to), flow->piped);

		if (moved == 0)
			errno = EINVAL; /* it would never move them */
		if (moved <= 0)
			return splice_error(flow);
		flow->piped -= (uint32_t)moved;
		flow->moved += (uint64_t)moved;
	}
	return ERROR_NONE;
}

enum error
relay_splice_step(struct relay_flow *flow, bool polled)
{
	enum error error = ERROR_NONE;

	for (int i = 0; i < ROUNDS && error == ERROR_NONE; i++) {
		if (flow->piped == 0)
			error = relay_flow_blame(&flow->from_broke,
			    fill_pipe(flow, polled && i == 0));
		if (error == ERROR_NONE)
			error =
			    relay_flow_blame(&flow->to_broke, empty_pipe(flow));
		if (!flow->splicing)
			break;
	}
	return error;
}
