/* relay_splice - a flow through a pipe, by splice(2); see relay_flow.h */
#include <errno.h>

#include "relay/relay_flow.h"

/* A splice that moves fewer bytes is no better than a copy, so the flow goes
 * back to the buffer. */
#define SHORT_BYTES ((size_t)32 * 1024)
/* After this many rounds the other direction gets its turn. */
#define ROUNDS 16

/* Returns the error of a splice. If the system refuses to splice these sockets,
 * it is not tried again. */
static enum error
splice_error(struct relay_flow *flow, enum error error)
{
	if (errno != EINVAL && errno != ENOSYS && errno != ENOMEM)
		return error;
	flow->splicing = false;
	flow->can_splice = false;
	return ERROR_AGAIN; /* the next step copies */
}

/*
 * Move bytes into the pipe.
 *
 * polled: as in relay_splice_step(). If splice() then finds nothing, it may
 * have reached an urgent mark, which it does not pass: it fails with EAGAIN
 * there, or returns 0 although bytes follow. Only a read can tell which.
 */
static enum error
fill_pipe(struct relay_flow *flow, bool polled)
{
	enum error error;
	size_t moved;

	if (flow->pipe.read_fd == -1 && pipes_borrow(&flow->pipe)) {
		flow->splicing = false; /* no pipe: copy for now */
		return ERROR_AGAIN;
	}
	error = pipes_fill(
	    &flow->pipe, transport_fd(&flow->from), PIPES_BYTES, &moved);
	if (error == ERROR_AGAIN ? polled : error == ERROR_NONE && moved == 0) {
		flow->splicing = false;
		return ERROR_AGAIN;
	}
	if (error)
		return splice_error(flow, error);
	flow->piped = (uint32_t)moved;
	if (moved < SHORT_BYTES)
		flow->splicing = false;
	return ERROR_NONE;
}

static enum error
empty_pipe(struct relay_flow *flow)
{
	while (flow->piped > 0) {
		size_t moved;
		enum error error = pipes_drain(
		    &flow->pipe, transport_fd(&flow->to), flow->piped, &moved);

		if (error == ERROR_NONE && moved == 0) {
			errno = EINVAL; /* it would never move them */
			error = ERROR_SYSTEM;
		}
		if (error)
			return splice_error(flow, error);
		flow->piped -= (uint32_t)moved;
		flow->moved += moved;
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
