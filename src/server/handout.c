/* handout - see handout.h */
#include "server/handout.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "net/sockopt.h"
#include "os/fd.h"
#include "relay/buffers.h"
#include "server/proxy.h"
#include "wire/channel.h"

/* A spare that has not answered by then is taken for dead, ... */
#define TAKEN_MS 1000
/* ... but may prove the contrary as long as the visitor waits. */
#define LATE_MS 10000
/* Whether it still waits is looked at so often. */
#define LOOK_MS 500

struct handout {
	struct context *context;
	struct tunnel *tunnel;
	struct pending_visitor *visitor;
	int fd;
	struct roster_entry entry;
	struct channel channel;
	char *kept; /* what the visitor has sent: BUFFERS_BYTES at most */
	size_t size;
	size_t sent; /* of it, on the spare */
	bool visitor_ended;
	bool visitor_lost; /* it has reset its connection */
};

/* Read what the visitor sends, as long as it can be kept. */
static enum error
read_visitor(struct handout *handout)
{
	ssize_t got = recv(handout->visitor->fd, handout->kept + handout->size,
	    BUFFERS_BYTES - handout->size, MSG_DONTWAIT);

	if (got == -1)
		return errno == EINTR ? ERROR_NONE : error_of_errno();
	handout->visitor_ended = got == 0;
	handout->size += (size_t)got;
	return ERROR_NONE;
}

/* Write Connection, then what is kept. */
static enum error
write_spare(struct handout *handout)
{
	enum error error = channel_flush(&handout->channel);

	while (error == ERROR_NONE && handout->sent < handout->size) {
		ssize_t sent = send(handout->fd, handout->kept + handout->sent,
		    handout->size - handout->sent, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (sent == -1 && errno == EINTR)
			continue;
		if (sent == -1)
			return error_of_errno();
		handout->sent += (size_t)sent;
	}
	return error;
}

/* Look for Taken. Returns ERROR_AGAIN while it has not come. */
static enum error
read_spare(struct handout *handout)
{
	struct message message;
	enum error error = channel_fill(&handout->channel);

	if (error == ERROR_NONE)
		error = channel_next(&handout->channel, &message);
	if (error == ERROR_NONE && message.kind != MESSAGE_TAKEN)
		error = ERROR_PROTOCOL;
	return error;
}

static bool
wants_visitor(const struct handout *handout)
{
	return !handout->visitor_ended && handout->size < BUFFERS_BYTES;
}

/*
 * One round of waiting. Returns ERROR_NONE when the visitor is taken,
 * ERROR_AGAIN when not yet; any other error says that the spare is of no use.
 */
static enum error
wait_once(struct handout *handout, int64_t deadline_ms)
{
	struct pollfd slots[] = {
	    {.fd = handout->fd, .events = POLLIN},
	    {.fd = wants_visitor(handout) ? handout->visitor->fd : -1,
		.events = POLLIN},
	};
	enum error error;

	if (channel_queued(&handout->channel) > 0 ||
	    handout->sent < handout->size)
		slots[0].events |= POLLOUT;
	if (poll(slots, 2, clock_left_ms(deadline_ms)) == 0)
		return ERROR_TIMEOUT;
	if (roster_interrupted(&handout->entry))
		return ERROR_STOPPED;
	if (slots[1].revents != 0) {
		error = read_visitor(handout);
		handout->visitor_lost = error && error != ERROR_AGAIN;
		if (handout->visitor_lost)
			return error;
	}
	error = write_spare(handout);
	if (error && error != ERROR_AGAIN)
		return error;
	if ((slots[0].revents & ~POLLOUT) == 0)
		return ERROR_AGAIN;
	return read_spare(handout);
}

static enum error
offer(struct handout *handout)
{
	struct message message = {
	    .kind = MESSAGE_CONNECTION, .as.uuid = handout->visitor->uuid};
	int64_t deadline_ms = clock_now_ms() + TAKEN_MS;
	enum error error = channel_put(&handout->channel, &message);

	if (error == ERROR_NONE)
		error = write_spare(handout);
	if (error == ERROR_NONE)
		error = ERROR_AGAIN;
	while (error == ERROR_AGAIN)
		error = wait_once(handout, deadline_ms);
	return error;
}

/* Returns a copy of size bytes, NULL when there are none or no memory. */
static char *
copy_of(const char *bytes, size_t size)
{
	char *copy = size > 0 ? malloc(size) : NULL;

	if (copy != NULL)
		memcpy(copy, bytes, size);
	return copy;
}

/*
 * Let the visitor keep what is behind the first skipped bytes. Without memory
 * for it the visitor cannot be served any more.
 */
static bool
keep(struct handout *handout, size_t skipped)
{
	struct pending_visitor *visitor = handout->visitor;

	visitor->ahead = skipped;
	visitor->kept_size = handout->size - skipped;
	visitor->kept = copy_of(handout->kept + skipped, visitor->kept_size);
	return visitor->kept != NULL || visitor->kept_size == 0;
}

/* Let the visitor wait in its tunnel, if it still does. */
static void
give_back(struct handout *handout)
{
	proxy_expect(handout->context, handout->visitor, true);
	if (handout->visitor_lost || !keep(handout, 0) ||
	    !tunnel_readmit(handout->tunnel, handout->visitor))
		proxy_drop(handout->context, handout->visitor);
	buffers_return(handout->kept); /* the visitor has a copy */
	handout->kept = NULL;
}

static void
release(struct handout *handout)
{
	buffers_return(handout->kept);
	tunnel_release(handout->tunnel);
	free(handout);
}

/* Serve the visitor over the spare. Takes the handout: an idle connection keeps
 * little. */
static void
relay_over(struct handout *handout, struct pending_visitor *visitor)
{
	struct context *context = handout->context;
	int fd = handout->fd;
	size_t size;
	const char *rest = channel_rest(&handout->channel, &size);
	char *early = copy_of(rest, size);
	bool good = early != NULL || size == 0;

	release(handout);
	if (good) {
		proxy_relay(context, visitor, fd, early, size);
	} else {
		sockopt_reset_on_close(fd);
		proxy_drop(context, visitor);
	}
	fd_close(&fd);
}

/* The client has the visitor. */
static void
relay_taken(struct handout *handout)
{
	struct pending_visitor *visitor = handout->visitor;

	if (keep(handout, handout->sent)) {
		relay_over(handout, visitor);
		return;
	}
	sockopt_reset_on_close(handout->fd);
	fd_close(&handout->fd);
	proxy_drop(handout->context, visitor);
	release(handout);
}

/* Wait for Taken as long as the visitor waits in its tunnel. */
static enum error
await_late(struct handout *handout, const struct uuid *uuid)
{
	struct pending *pending = &handout->context->pending;
	int64_t end_ms = clock_now_ms() + LATE_MS;
	enum error error = ERROR_AGAIN;

	while (error == ERROR_AGAIN && clock_now_ms() < end_ms &&
	       pending_has(pending, uuid)) {
		struct pollfd slot = {.fd = handout->fd, .events = POLLIN};

		if (poll(&slot, 1, LOOK_MS) == 1)
			error = read_spare(handout);
		if (roster_interrupted(&handout->entry))
			error = ERROR_STOPPED;
	}
	return error;
}

/* Move on from what went over the spare already. */
static void
skip_sent(struct pending_visitor *visitor, size_t sent)
{
	visitor->ahead = sent;
	visitor->kept_size -= sent;
	memmove(visitor->kept, visitor->kept + sent, visitor->kept_size);
}

/* The visitor is given back, but the spare may still be alive. */
static void
outlast(struct handout *handout, const struct uuid *uuid)
{
	struct context *context = handout->context;
	struct pending_visitor *visitor = NULL;
	size_t sent = handout->sent;
	int fd = handout->fd;

	if (roster_enter(&context->active, &handout->entry, fd, -1)) {
		if (await_late(handout, uuid) == ERROR_NONE)
			visitor = pending_take(&context->pending, uuid);
		roster_leave(&context->active, &handout->entry);
	}
	if (visitor != NULL) {
		if (sent > 0)
			skip_sent(visitor, sent);
		handout->visitor = visitor;
		relay_over(handout, visitor);
		return;
	}
	sockopt_reset_on_close(fd);
	fd_close(&fd);
	release(handout);
}

static void
run(void *argument)
{
	struct handout *handout = argument;
	struct roster *roster = &handout->context->active;
	struct uuid uuid = handout->visitor->uuid;
	enum error error = ERROR_STOPPED;

	if (roster_enter(
		roster, &handout->entry, handout->fd, handout->visitor->fd)) {
		error = offer(handout);
		roster_leave(roster, &handout->entry);
	}
	if (error == ERROR_NONE) {
		relay_taken(handout);
		return;
	}
	give_back(handout);
	if (error == ERROR_TIMEOUT) {
		outlast(handout, &uuid);
		return;
	}
	sockopt_reset_on_close(handout->fd);
	fd_close(&handout->fd);
	release(handout);
}

enum error
handout_start(struct context *context, struct tunnel *tunnel,
    struct pending_visitor *visitor, int fd)
{
	struct handout *handout = calloc(1, sizeof *handout);
	enum error error = ERROR_MEMORY;

	if (handout == NULL)
		return error;
	handout->context = context;
	handout->tunnel = tunnel;
	handout->visitor = visitor;
	handout->fd = fd;
	handout->kept = buffers_borrow();
	channel_init(&handout->channel, fd);
	tunnel_hold(tunnel);
	if (handout->kept != NULL)
		error = crew_do(context->crew, run, handout);
	if (error)
		release(handout);
	return error;
}
