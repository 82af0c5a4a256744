/* relay_peek - a flow for which there is no buffer; see relay_flow.h */
#include <errno.h>
#include <sys/socket.h>

#include "net/tcp.h"
#include "os/stack.h"
#include "relay/relay_flow.h"

/* Two pages of the stack, and none of it while the flow waits. */
#define PEEK_BYTES ((size_t)8 * 1024)

static ssize_t
receive(int fd, char *bytes, size_t size, int flags)
{
	ssize_t got;

	do
		got = recv(fd, bytes, size, flags | MSG_DONTWAIT);
	while (got == -1 && errno == EINTR);
	return got;
}

static ssize_t
write_some(int fd, const char *bytes, size_t size)
{
	ssize_t sent;

	do
		sent = send(fd, bytes, size, MSG_DONTWAIT | MSG_NOSIGNAL);
	while (sent == -1 && errno == EINTR);
	return sent;
}

/* Take what is written already out of from. Where that is less than it should
 * be, the rest has its turn in the next step. */
static enum error
take_out(struct relay_flow *flow, char bytes[static PEEK_BYTES])
{
	while (flow->owed > 0) {
		ssize_t got = receive(flow->from, bytes, flow->owed, 0);

		if (got == -1)
			return error_of_errno();
		if (got == 0) { /* it was there a moment ago */
			errno = ECONNRESET;
			return ERROR_RESET;
		}
		flow->owed -= (uint32_t)got;
	}
	return ERROR_NONE;
}

/* Write what may be read. */
static enum error
pass(struct relay_flow *flow, char bytes[static PEEK_BYTES])
{
	ssize_t got = receive(flow->from, bytes, PEEK_BYTES, MSG_PEEK);
	ssize_t sent;

	if (got == -1)
		return error_of_errno();
	flow->ended = got == 0;
	if (flow->ended)
		return ERROR_NONE;
	sent = write_some(flow->to, bytes, (size_t)got);
	flow->blocked = sent < got;
	if (sent == -1)
		return error_of_errno();
	flow->owed = (uint32_t)sent;
	flow->moved += (uint64_t)sent;
	return ERROR_NONE;
}

STACK_APART enum error
relay_peek_step(struct relay_flow *flow)
{
	char bytes[PEEK_BYTES];
	enum error error = take_out(flow, bytes);
	bool is_much;

	if (!flow->is_lean)
		tcp_keep_little(flow->from, flow->to);
	flow->is_lean = true;
	if (error == ERROR_NONE)
		error = pass(flow, bytes);
	is_much = flow->owed == PEEK_BYTES;
	if (error == ERROR_NONE)
		error = take_out(flow, bytes);
	/* A pipe may be to be had. */
	if (error == ERROR_NONE && is_much)
		flow->splicing = flow->can_splice;
	return error;
}
