/* relay_copy - a flow through a buffer; see relay_flow.h */
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/tcp.h"
#include "relay/buffers.h"
#include "relay/relay_flow.h"

/* What a splice could not write comes before what is still to be received. */
static ssize_t
receive(struct relay_flow *flow)
{
	if (flow->piped == 0)
		return recv(
		    flow->from, flow->buffer, BUFFERS_BYTES, MSG_DONTWAIT);
	return read(flow->pipe.read_fd, flow->buffer,
	    flow->piped < BUFFERS_BYTES ? flow->piped : BUFFERS_BYTES);
}

static enum error
fill(struct relay_flow *flow)
{
	ssize_t got;

	do
		got = receive(flow);
	while (got == -1 && errno == EINTR);
	if (got == -1)
		return error_of_errno();
	if (flow->piped > 0)
		flow->piped -= (uint32_t)got;
	else
		flow->ended = got == 0;
	flow->start = 0;
	flow->end = (uint32_t)got;
	return ERROR_NONE;
}

/* Have a buffer, if one is to be had: at any rate for what is in a pipe. */
static bool
has_buffer(struct relay_flow *flow)
{
	if (flow->buffer == NULL)
		flow->buffer =
		    flow->piped > 0 ? buffers_force() : buffers_borrow();
	return flow->buffer != NULL;
}

static enum error
drain(struct relay_flow *flow)
{
	while (flow->start < flow->end) {
		ssize_t sent = send(flow->to, flow->buffer + flow->start,
		    flow->end - flow->start, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (sent == -1 && errno == EINTR)
			continue;
		if (sent == -1)
			return error_of_errno();
		flow->start += (uint32_t)sent;
		flow->moved += (uint64_t)sent;
	}
	return ERROR_NONE;
}

/* Read what comes next into the buffer, and write it. */
static enum error
copy(struct relay_flow *flow)
{
	enum error error = ERROR_NONE;

	if (flow->start == flow->end && !flow->ended)
		error = fill(flow);
	return error ? error : drain(flow);
}

static void
expect_bulk(struct relay_flow *flow)
{
	if (!flow->is_bulk)
		tcp_expect_bulk(flow->to);
	flow->is_bulk = true;
	flow->splicing = flow->can_splice;
}

enum error
relay_copy_step(struct relay_flow *flow)
{
	enum error error;

	flow->blocked = false;
	if (flow->owed > 0)
		return relay_peek_step(flow);
	if (flow->start == flow->end && !flow->ended && !has_buffer(flow))
		return flow->piped > 0 ? ERROR_MEMORY : relay_peek_step(flow);
	error = copy(flow);
	/* There is more where this came from. */
	if (error == ERROR_NONE && flow->end == BUFFERS_BYTES &&
	    flow->piped == 0)
		expect_bulk(flow);
	return error;
}
