/* relay_peek - a flow without a buffer; see relay_flow.h */
#include <errno.h>

#include "net/tcp.h"
#include "os/stack_trim.h"
#include "relay/relay_flow.h"

/* On the stack these are two pages, which are given back while the flow
 * waits. */
#define PEEK_BYTES ((size_t)8 * 1024)

/* Take the bytes out of from that have been written. If a read returns fewer,
 * the rest is taken out in the next step. */
static enum error
consume_written(struct relay_flow *flow, char bytes[static PEEK_BYTES])
{
	while (flow->owed > 0) {
		size_t got;
		enum error error =
		    transport_read(&flow->from, bytes, flow->owed, &got);

		if (error == ERROR_CLOSED) { /* it was there a moment ago */
			errno = ECONNRESET;
			error = ERROR_RESET;
		}
		if (relay_flow_blame(&flow->from_broke, error))
			return error;
		flow->owed -= (uint32_t)got;
	}
	return ERROR_NONE;
}

/* Write what can be read, without taking it out. */
static enum error
pass(struct relay_flow *flow, char bytes[static PEEK_BYTES])
{
	size_t got;
	size_t sent;
	enum error error = transport_peek(&flow->from, bytes, PEEK_BYTES, &got);

	flow->ended = error == ERROR_CLOSED;
	if (flow->ended)
		return ERROR_NONE;
	if (error)
		return relay_flow_blame(&flow->from_broke, error);
	error = relay_flow_blame(
	    &flow->to_broke, transport_write(&flow->to, bytes, got, &sent));
	flow->blocked = sent < got;
	flow->owed = (uint32_t)sent;
	flow->moved += sent;
	return error;
}

STACK_TRIM_APART enum error
relay_peek_step(struct relay_flow *flow)
{
	char bytes[PEEK_BYTES];
	enum error error = consume_written(flow, bytes);
	bool is_much;

	if (!flow->is_lean)
		tcp_keep_little(
		    transport_fd(&flow->from), transport_fd(&flow->to));
	flow->is_lean = true;
	if (error == ERROR_NONE)
		error = pass(flow, bytes);
	is_much = flow->owed == PEEK_BYTES;
	if (error == ERROR_NONE)
		error = consume_written(flow, bytes);
	/* With this much to move, try a pipe next. */
	if (error == ERROR_NONE && is_much)
		flow->splicing = flow->can_splice;
	return error;
}
