/* relay_splice - a flow through a pipe, by splice(2); see relay_flow.h */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "relay/relay_flow.h"

/* A splice that moves less is no better than a copy: back to the buffer. */
#define SHORT_BYTES ((ssize_t)32 * 1024)
/* Then the other direction has its turn. */
#define ROUNDS 16

/* Not SPLICE_F_MORE: it would hold the end of a message back. */
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

/* The error of a splice; one that the system refuses is never tried again. */
static enum error
failure(struct relay_flow *flow)
{
	if (errno != EINVAL && errno != ENOSYS && errno != ENOMEM)
		return error_of_errno();
	flow->splicing = false;
	flow->can_splice = false;
	return ERROR_AGAIN; /* the copy goes on from here */
}

/*
 * polled: as of relay_splice_step(). If splice() then finds nothing, an urgent
 * mark may be in its way, which it does not pass: there it says EAGAIN, or 0
 * though bytes are behind it. What is so, a read tells.
 */
static enum error
fill(struct relay_flow *flow, bool polled)
{
	ssize_t moved;

	if (flow->pipe.read_fd == -1 && pipes_borrow(&flow->pipe)) {
		flow->splicing = false; /* all are lent: copy, for now */
		return ERROR_AGAIN;
	}
	moved =
	    move(transport_fd(&flow->from), flow->pipe.write_fd, PIPES_BYTES);
	if (moved == 0 || (moved == -1 && errno == EAGAIN && polled)) {
		flow->splicing = false;
		return ERROR_AGAIN;
	}
	if (moved == -1)
		return failure(flow);
	flow->piped = (uint32_t)moved;
	if (moved < SHORT_BYTES)
		flow->splicing = false;
	return ERROR_NONE;
}

static enum error
drain(struct relay_flow *flow)
{
	while (flow->piped > 0) {
		ssize_t moved = move(
		    flow->pipe.read_fd, transport_fd(&flow->to), flow->piped);

		if (moved == 0)
			errno = EINVAL; /* it would do so for ever */
		if (moved <= 0)
			return failure(flow);
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
			error = relay_flow_blame(
			    &flow->from_broke, fill(flow, polled && i == 0));
		if (error == ERROR_NONE)
			error = relay_flow_blame(&flow->to_broke, drain(flow));
		if (!flow->splicing)
			break;
	}
	return error;
}
