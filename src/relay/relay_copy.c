/* relay_copy - a flow through a buffer; see relay_flow.h */
#include <errno.h>
#include <unistd.h>

#include "net/tcp.h"
#include "relay/buffers.h"
#include "relay/relay_flow.h"

/* Read what a splice could not write. It comes before what is still to be read
 * from the socket. */
static enum error
fill_from_pipe(struct relay_flow *flow)
{
	size_t most = flow->piped < BUFFERS_BYTES ? flow->piped : BUFFERS_BYTES;
	ssize_t got;

	do
		got = read(flow->pipe.read_fd, flow->buffer, most);
	while (got == -1 && errno == EINTR);
	if (got == -1)
		return error_of_errno();
	flow->piped -= (uint32_t)got;
	flow->end = (uint32_t)got;
	return ERROR_NONE;
}

static enum error
fill_buffer(struct relay_flow *flow)
{
	enum error error;
	size_t got;

	flow->start = 0;
	flow->end = 0;
	if (flow->piped > 0)
		return fill_from_pipe(flow);
	error = transport_read(&flow->from, flow->buffer, BUFFERS_BYTES, &got);
	if (error == ERROR_NONE)
		flow->end = (uint32_t)got;
	else if (error == ERROR_CLOSED)
		flow->ended = true;
	else
		return relay_flow_blame(&flow->from_broke, error);
	return ERROR_NONE;
}

/* Borrow a buffer if the flow has none. Returns whether it has one now. For
 * bytes in a pipe, which can go nowhere else, the limit may be exceeded. */
static bool
has_buffer(struct relay_flow *flow)
{
	if (flow->buffer == NULL)
		flow->buffer =
		    flow->piped > 0 ? buffers_force() : buffers_borrow();
	return flow->buffer != NULL;
}

static enum error
write_buffer(struct relay_flow *flow)
{
	while (flow->start < flow->end) {
		size_t sent;
		enum error error = transport_write(&flow->to,
		    flow->buffer + flow->start, flow->end - flow->start, &sent);

		if (error)
			return relay_flow_blame(&flow->to_broke, error);
		flow->start += (uint32_t)sent;
		flow->moved += sent;
	}
	return ERROR_NONE;
}

/* Fill the buffer if it is empty, and write what is in it. */
static enum error
copy(struct relay_flow *flow)
{
	enum error error = ERROR_NONE;

	if (flow->start == flow->end && !flow->ended)
		error = fill_buffer(flow);
	return error ? error : write_buffer(flow);
}

/* Prepare the flow for a lot of data: from now on it may splice. */
static void
expect_bulk(struct relay_flow *flow)
{
	if (!flow->is_bulk)
		tcp_expect_bulk(transport_fd(&flow->to));
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
	/* A full buffer means that there is more to come. */
	if (error == ERROR_NONE && flow->end == BUFFERS_BYTES &&
	    flow->piped == 0)
		expect_bulk(flow);
	return error;
}
