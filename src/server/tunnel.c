/* tunnel - see tunnel.h */
#include "server/tunnel.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "net/listen.h"
#include "net/sockopt.h"
#include "os/fd.h"
#include "server/proxy.h"

#define HEARTBEAT_MS 500
/* A visitor that is not accepted by then is dropped. */
#define ACCEPT_WITHIN_MS 10000
/* A client that takes nothing for so long is gone. */
#define STALLED_MS 16000
/* For a refused client to read why. */
#define REFUSE_MS 3000
/* A listener that cannot accept for want of something rests. */
#define REST_MS 100

struct tunnel {
	struct context *context;
	struct channel *channel;
	const char *peer;
	int listener;
	uint16_t port;
	struct roster_entry entry;
	struct pending_group visitors;

	int64_t heartbeat_ms; /* when the next one is due */
	int64_t rest_ms;      /* until when nobody is accepted; 0: now */
	int64_t stalled_ms;   /* since when nothing could be sent; 0: it can */
	bool told_unknown;
	/* Why it ended; a constant or strerror(). */
	const char *reason;
};

static void
shed(struct tunnel *tunnel, const char *what, int number)
{
	char why[160];

	snprintf(why, sizeof why, "port %u: %s: %s", (unsigned)tunnel->port,
	    what, strerror(number));
	context_warn_shed(tunnel->context, why);
}

/* Let a visitor wait, and queue its announcement. Takes fd. */
static enum error
announce(struct tunnel *tunnel, int fd, const struct address *address)
{
	struct message message = {.kind = MESSAGE_CONNECTION};
	struct pending_visitor *visitor = calloc(1, sizeof *visitor);
	uint8_t random[UUID_BYTES];

	if (visitor == NULL) {
		budget_give(&tunnel->context->budget, BUDGET_VISITOR);
		sockopt_reset_on_close(fd);
		fd_close(&fd);
		return ERROR_MEMORY;
	}
	random_bytes(random, sizeof random);
	visitor->uuid = uuid_of_random(random);
	visitor->fd = fd;
	visitor->address = *address;
	visitor->public_port = tunnel->port;
	visitor->arrived_ms = clock_now_ms();
	visitor->expires_ms = visitor->arrived_ms + ACCEPT_WITHIN_MS;
	message.as.uuid = visitor->uuid;
	/* Waiting before it is announced: the answer may be quick. */
	pending_put(&tunnel->context->pending, &tunnel->visitors, visitor);
	return channel_put(tunnel->channel, &message);
}

static void
welcome(struct tunnel *tunnel, int fd, const struct address *address)
{
	char text[ADDRESS_TEXT_SIZE];

	if (!budget_take(&tunnel->context->budget, BUDGET_VISITOR)) {
		sockopt_reset_on_close(fd);
		fd_close(&fd);
		shed(tunnel, "visitor turned away", EMFILE);
		return;
	}
	address_print(address, text);
	log_debug("visitor %s on port %u", text, (unsigned)tunnel->port);
	sockopt_prepare(fd, &sockopt_keepalive_proxied);
	if (announce(tunnel, fd, address))
		shed(tunnel, "visitor turned away", ENOMEM);
}

/* Take the visitors that have come, as many as can be announced now. */
static enum error
accept_visitors(struct tunnel *tunnel)
{
	while (channel_has_room(tunnel->channel)) {
		struct address address;
		enum error error;
		int fd;

		error = listen_accept(tunnel->listener, &fd, &address);
		if (error == ERROR_AGAIN)
			return ERROR_NONE;
		if (error == ERROR_NONE) {
			welcome(tunnel, fd, &address);
		} else if (error == ERROR_RESOURCES || error == ERROR_MEMORY) {
			shed(tunnel, "cannot accept a visitor", errno);
			roster_interrupt_oldest(&tunnel->context->silent);
			tunnel->rest_ms = clock_now_ms() + REST_MS;
			return ERROR_NONE;
		} else if (error != ERROR_RESET) {
			tunnel->reason = strerror(errno);
			return error;
		}
	}
	return ERROR_NONE;
}

static void
drop_expired(struct tunnel *tunnel, int64_t now_ms)
{
	struct context *context = tunnel->context;
	struct pending_visitor *visitor;
	char text[ADDRESS_TEXT_SIZE];

	while ((visitor = pending_expire(
		    &context->pending, &tunnel->visitors, now_ms)) != NULL) {
		address_print(&visitor->address, text);
		log_warning("visitor %s on port %u dropped: %s", text,
		    (unsigned)tunnel->port,
		    now_ms == CLOCK_NEVER ? "its client is gone"
					  : "its client did not accept it in "
					    "10 s");
		proxy_drop(context, visitor);
	}
}

/* Nothing that a client says behind its Hello is of this version. */
static void
skip(struct tunnel *tunnel, const struct message *message)
{
	if (tunnel->told_unknown)
		return;
	tunnel->told_unknown = true;
	log_info("%s sent %s behind its Hello; it is skipped, and so are "
		 "further ones",
	    tunnel->peer,
	    message->kind == MESSAGE_UNKNOWN ? message->as.text
					     : message_name(message->kind));
}

/* Take all messages that were read. */
static enum error
take_messages(struct tunnel *tunnel)
{
	enum error error = ERROR_NONE;
	struct message message;

	while (error == ERROR_NONE) {
		error = channel_next(tunnel->channel, &message);
		if (error == ERROR_NONE)
			skip(tunnel, &message);
	}
	if (error == ERROR_AGAIN)
		return ERROR_NONE;
	tunnel->reason = error_text(error);
	return error;
}

static enum error
read_client(struct tunnel *tunnel)
{
	enum error error = channel_fill(tunnel->channel);

	if (error == ERROR_NONE)
		return take_messages(tunnel);
	if (error == ERROR_AGAIN)
		return ERROR_NONE;
	if (roster_interrupted(&tunnel->entry))
		tunnel->reason = "the server stops";
	else if (error == ERROR_CLOSED)
		tunnel->reason = "the client closed the connection";
	else
		tunnel->reason = strerror(errno);
	return error;
}

/* Write what is queued; find out that the client takes nothing any more. */
static enum error
write_client(struct tunnel *tunnel)
{
	size_t before = channel_queued(tunnel->channel);
	enum error error = channel_flush(tunnel->channel);
	int64_t now_ms = clock_now_ms();

	if (error == ERROR_NONE) {
		tunnel->stalled_ms = 0;
		return ERROR_NONE;
	}
	if (error != ERROR_AGAIN) {
		tunnel->reason = strerror(errno);
		return error;
	}
	if (tunnel->stalled_ms == 0 || channel_queued(tunnel->channel) < before)
		tunnel->stalled_ms = now_ms;
	if (now_ms - tunnel->stalled_ms < STALLED_MS)
		return ERROR_NONE;
	tunnel->reason = "the client takes nothing any more";
	return ERROR_TIMEOUT;
}

/* Do what is due by now, whatever has happened. */
static enum error
do_due(struct tunnel *tunnel)
{
	const struct message heartbeat = {.kind = MESSAGE_HEARTBEAT};
	int64_t now_ms = clock_now_ms();

	drop_expired(tunnel, now_ms);
	if (now_ms >= tunnel->rest_ms)
		tunnel->rest_ms = 0;
	if (now_ms >= tunnel->heartbeat_ms) {
		/* One that finds no room is not missed: there is more to
		 * read than a heartbeat. */
		(void)channel_put(tunnel->channel, &heartbeat);
		tunnel->heartbeat_ms = now_ms + HEARTBEAT_MS;
	}
	return write_client(tunnel);
}

static int
time_left(struct tunnel *tunnel)
{
	int64_t wake_ms = clock_earlier(tunnel->heartbeat_ms,
	    pending_next_expiry(&tunnel->context->pending, &tunnel->visitors));

	if (tunnel->rest_ms != 0)
		wake_ms = clock_earlier(wake_ms, tunnel->rest_ms);
	return clock_left_ms(wake_ms);
}

static enum error
wait_and_serve(struct tunnel *tunnel)
{
	bool accepts =
	    tunnel->rest_ms == 0 && channel_has_room(tunnel->channel);
	struct pollfd slots[] = {
	    {.fd = tunnel->channel->fd, .events = POLLIN},
	    {.fd = accepts ? tunnel->listener : -1, .events = POLLIN},
	};
	enum error error = ERROR_NONE;

	if (channel_queued(tunnel->channel) > 0)
		slots[0].events |= POLLOUT;
	if (poll(slots, 2, time_left(tunnel)) == -1) {
		if (errno == EINTR || errno == EAGAIN)
			return ERROR_NONE;
		tunnel->reason = strerror(errno);
		return ERROR_SYSTEM;
	}
	if ((slots[0].revents & ~POLLOUT) != 0)
		error = read_client(tunnel);
	if (error == ERROR_NONE && slots[1].revents != 0)
		error = accept_visitors(tunnel);
	return error;
}

static void
serve(struct tunnel *tunnel)
{
	enum error error = take_messages(tunnel);

	while (error == ERROR_NONE) {
		error = do_due(tunnel);
		if (error == ERROR_NONE)
			error = wait_and_serve(tunnel);
	}
	log_info("tunnel of %s ended, port %u is free: %s", tunnel->peer,
	    (unsigned)tunnel->port, tunnel->reason);
}

/* Open the public port and queue the answer to Hello. */
static enum error
open_port(struct tunnel *tunnel, uint16_t asked)
{
	struct context *context = tunnel->context;
	struct message answer = {.kind = MESSAGE_HELLO};
	enum error error = ports_open(&context->tunnels, &context->range, asked,
	    &tunnel->listener, &tunnel->port);

	if (error) {
		const char *refusal = ports_refusal(error, asked);

		log_warning("%s asked for port %u and was refused: %s",
		    tunnel->peer, (unsigned)asked, refusal);
		channel_refuse(
		    tunnel->channel, refusal, clock_now_ms() + REFUSE_MS);
		return error;
	}
	answer.as.port = tunnel->port;
	return channel_put(tunnel->channel, &answer);
}

void
tunnel_run(struct context *context, struct channel *channel, const char *peer,
    uint16_t asked)
{
	struct tunnel tunnel = {
	    .context = context,
	    .channel = channel,
	    .peer = peer,
	    .listener = -1,
	    .reason = "",
	};

	pending_group_init(&tunnel.visitors);
	if (!roster_enter(&context->active, &tunnel.entry, channel->fd, -1))
		return;
	budget_force(&context->budget, BUDGET_TUNNEL);
	if (open_port(&tunnel, asked) == ERROR_NONE) {
		log_info("tunnel of %s, public port %u", peer,
		    (unsigned)tunnel.port);
		serve(&tunnel);
	}
	roster_leave(&context->active, &tunnel.entry);
	fd_close(&tunnel.listener);
	drop_expired(&tunnel, CLOCK_NEVER);
	budget_give(&context->budget, BUDGET_TUNNEL);
}
