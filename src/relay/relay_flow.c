/* relay_flow - see relay_flow.h */
#include "relay/relay_flow.h"

#include <assert.h>
#include <string.h>

#include "relay/buffers.h"

void
relay_flow_init(
    struct relay_flow *flow, struct transport from, struct transport to)
{
	memset(flow, 0, sizeof *flow);
	flow->from = from;
	flow->to = to;
	flow->pipe = (struct pipe_ends)PIPE_ENDS_INITIALIZER;
	flow->can_splice = true;
}

static bool
is_empty(const struct relay_flow *flow)
{
	return flow->start == flow->end && flow->piped == 0;
}

bool
relay_flow_wants_read(const struct relay_flow *flow)
{
	return !flow->ended && !flow->blocked && is_empty(flow);
}

bool
relay_flow_wants_write(const struct relay_flow *flow)
{
	return flow->blocked || !is_empty(flow);
}

void
relay_flow_put(struct relay_flow *flow, char *buffer, size_t size)
{
	assert(size <= BUFFERS_BYTES && flow->buffer == NULL);

	flow->buffer = buffer;
	flow->end = buffer != NULL ? (uint32_t)size : 0;
}

enum error
relay_flow_step(struct relay_flow *flow)
{
	bool polled = flow->splicing;
	enum error error = ERROR_NONE;

	if (!flow->splicing)
		error = relay_copy_step(flow);
	if (error == ERROR_NONE && flow->splicing) {
		error = relay_splice_step(flow, polled);
		/* The splice cannot go on, or cannot tell an end of file from
		 * an urgent mark; a read can. */
		if (error == ERROR_AGAIN && !flow->splicing)
			error = relay_copy_step(flow);
	}
	if (is_empty(flow))
		relay_flow_end(flow); /* nothing in flight, nothing borrowed */
	return error == ERROR_AGAIN ? ERROR_NONE : error;
}

void
relay_flow_pass_end(struct relay_flow *flow)
{
	if (!flow->ended || flow->end_passed_on || !is_empty(flow))
		return;
	flow->end_passed_on = true;
	/* This fails if the connection of to is broken, which a read from it
	 * will report. */
	(void)transport_end(&flow->to);
}

void
relay_flow_end(struct relay_flow *flow)
{
	buffers_return(flow->buffer);
	flow->buffer = NULL;
	flow->start = 0;
	flow->end = 0;
	pipes_return(&flow->pipe, flow->piped == 0);
	flow->piped = 0;
}
