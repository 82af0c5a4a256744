/* handout - see handout.h */
#include "server/handout.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include "base/clock.h"
#include "base/patience.h"
#include "base/protocol_times.h"
#include "net/tcp.h"
#include "net/transport.h"
#include "os/stack_trim.h"
#include "relay/buffers.h"
#include "server/proxy.h"
#include "wire/channel.h"

/* If the client has not answered on the spare after a few round trips, or after
 * TAKEN_MOST_MS, the visitor is also announced on the control connection. A
 * late answer still counts while the visitor waits. */
#define TAKEN_MOST_MS 1000
#define LATE_MS       PROTOCOL_ACCEPT_MS
/* How often to check that the visitor still waits. The first check comes early,
 * because another data connection may accept the visitor at once. */
#define LOOK_FIRST_MS 25
#define LOOK_MS       500

struct handout {
	struct server_state *server;
	struct tunnel *tunnel;
	struct pending_visitor *visitor;
	struct principal *principal; /* the visitor's, a reference */
	/* The spare's. */
	struct transport transport;
	uint32_t serial;
	/* The longer of the spare's and the control connection's. */
	uint32_t rtt_ms;
	int64_t offer_ms; /* when the visitor was offered */
	bool condemned;   /* spares of the same age have been closed */
	bool begun;       /* Connection has been written */
	struct roster_entry *entry;
	struct channel channel;
	char *read_ahead; /* bytes read from the visitor, up to BUFFERS_BYTES */
	size_t size;
	size_t sent; /* how many of them were written to the spare */
	bool visitor_ended;
	bool visitor_lost; /* the visitor has reset its connection */
};

/* Read what the visitor sends, as far as the buffer has room. */
static enum error
read_visitor(struct handout *handout)
{
	size_t got;
	enum error error = transport_read(&handout->visitor->transport,
	    handout->read_ahead + handout->size, BUFFERS_BYTES - handout->size,
	    &got);

	handout->visitor_ended = error == ERROR_CLOSED;
	handout->size += got;
	return handout->visitor_ended ? ERROR_NONE : error;
}

/* Write Connection, then the visitor's bytes. */
static enum error
write_spare(struct handout *handout)
{
	enum error error = channel_flush(&handout->channel);

	while (error == ERROR_NONE && handout->sent < handout->size) {
		size_t sent;

		error = transport_write(&handout->transport,
		    handout->read_ahead + handout->sent,
		    handout->size - handout->sent, &sent);
		handout->sent += sent;
	}
	return error;
}

/* Read the client's answer. Returns ERROR_AGAIN while there is none. */
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
 * Wait once. Returns ERROR_NONE when the client has taken the visitor, and
 * ERROR_AGAIN while it has not answered; after any other error the spare is
 * useless.
 */
static enum error
wait_once(struct handout *handout, int64_t deadline_ms)
{
	bool has_more = channel_queued(&handout->channel) > 0 ||
	                handout->sent < handout->size;
	struct pollfd slots[] = {
	    transport_poll(
		&handout->transport, has_more ? POLLIN | POLLOUT : POLLIN),
	    wants_visitor(handout)
		? transport_poll(&handout->visitor->transport, POLLIN)
		: (struct pollfd){.fd = -1},
	};
	enum error error;

	if (poll(slots, 2, clock_left_ms(deadline_ms)) == 0)
		return ERROR_TIMEOUT;
	if (roster_interrupted(handout->entry))
		return ERROR_STOPPED;
	if (slots[1].revents != 0) {
		error = read_visitor(handout);
		handout->visitor_lost = error && error != ERROR_AGAIN;
		if (handout->visitor_lost)
			return error;
	}
	error = write_spare(handout);
	/* Taken may have arrived before the failure. */
	if (error && error != ERROR_AGAIN)
		return read_spare(handout) == ERROR_NONE ? ERROR_NONE : error;
	if ((slots[0].revents & ~POLLOUT) == 0)
		return ERROR_AGAIN;
	return read_spare(handout);
}

static struct message
connection_of(const struct pending_visitor *visitor)
{
	return (struct message){.kind = MESSAGE_CONNECTION,
	    .as.announcement = pending_announcement(visitor)};
}

static uint32_t
min_u32(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

static enum error
offer(struct handout *handout)
{
	struct message message = connection_of(handout->visitor);
	int64_t deadline_ms;
	enum error error = ERROR_NONE;

	handout->offer_ms = clock_now_ms();
	deadline_ms =
	    handout->offer_ms +
	    min_u32(patience_taken_ms(handout->rtt_ms), TAKEN_MOST_MS);
	if (!handout->begun)
		error = channel_put(&handout->channel, &message);
	if (error == ERROR_NONE)
		error = write_spare(handout);
	if (error == ERROR_NONE)
		error = ERROR_AGAIN;
	while (error == ERROR_AGAIN)
		error = wait_once(handout, deadline_ms);
	return error;
}

/* Drop the bytes that were already sent over the spare. */
static void
skip_sent(struct pending_visitor *visitor, size_t sent)
{
	visitor->sent_ahead = sent;
	visitor->read_ahead_size -= sent;
	if (visitor->read_ahead_size > 0) {
		memmove(visitor->read_ahead, visitor->read_ahead + sent,
		    visitor->read_ahead_size);
		return;
	}
	buffers_return(visitor->read_ahead);
	visitor->read_ahead = NULL;
}

/* Move the buffer from the handout to the visitor. */
static void
give_read_ahead(struct handout *handout)
{
	handout->visitor->read_ahead = handout->read_ahead;
	handout->visitor->read_ahead_size = handout->size;
	handout->read_ahead = NULL;
}

/* Return the visitor to its tunnel to wait, unless it has left or the tunnel
 * has ended. */
static void
give_back(struct handout *handout)
{
	proxy_expect(handout->server, handout->visitor, true);
	give_read_ahead(handout);
	skip_sent(handout->visitor, 0);
	if (handout->visitor_lost || !handout->server->tunnels->readmit(
					 handout->tunnel, handout->visitor))
		proxy_drop(handout->server, handout->visitor);
}

static void
release_handout(struct handout *handout)
{
	buffers_return(handout->read_ahead);
	principal_release(handout->principal);
	handout->server->tunnels->release(handout->tunnel);
}

/* Serve the visitor over the spare. Releases the handout. Returns false when
 * out of memory; everything is closed then. */
static bool
serve_over(struct handout *handout, struct proxy *proxy)
{
	const char *rest = channel_rest(&handout->channel, &proxy->early_size);
	bool good;

	proxy->server = handout->server;
	proxy->visitor = handout->visitor;
	proxy->data = handout->transport;
	proxy->early = buffers_copy(rest, proxy->early_size);
	good = proxy->early != NULL || proxy->early_size == 0;
	if (!good) {
		if (proxy->is_entered) {
			shares_unbind(
			    &handout->server->shares, &handout->visitor->seat);
			roster_leave(&handout->server->active, handout->entry);
		}
		if (proxy->is_expected)
			roster_arrive(&handout->server->active);
		transport_reset(&handout->transport);
		transport_close(&handout->transport);
		proxy_drop(handout->server, handout->visitor);
	}
	release_handout(handout);
	return good;
}

/* The client has taken the visitor. */
static bool
serve_taken(struct handout *handout, struct proxy *proxy)
{
	give_read_ahead(handout);
	skip_sent(handout->visitor, handout->sent);
	return serve_over(handout, proxy);
}

/* Whatever silenced this spare has silenced those of the same age as well. */
static void
condemn(struct handout *handout)
{
	if (!handout->condemned)
		handout->server->tunnels->condemn_spares(
		    handout->tunnel, handout->serial);
	handout->condemned = true;
}

/* If not even TCP has had an acknowledgement after a few round trips, the path
 * is dead or has lost a packet. The two cannot be told apart yet, so the older
 * spares are closed. */
static void
condemn_if_dead(struct handout *handout)
{
	if (clock_now_ms() - handout->offer_ms >=
		patience_taken_ms(handout->rtt_ms) &&
	    tcp_has_unacknowledged(transport_fd(&handout->transport)))
		condemn(handout);
}

/*
 * Wait for Taken while the visitor waits in its tunnel. Once the visitor is
 * gone, the client has accepted it on another data connection and does not
 * serve it over this one.
 */
static enum error
await_late(struct handout *handout, const struct uuid *uuid)
{
	struct pending *pending = &handout->server->pending;
	int64_t end_ms =
	    clock_now_ms() + patience_answer_ms(LATE_MS, 2 * handout->rtt_ms);
	int look_ms = LOOK_FIRST_MS;
	enum error error = ERROR_AGAIN;

	while (error == ERROR_AGAIN && clock_now_ms() < end_ms &&
	       pending_has(pending, uuid)) {
		condemn_if_dead(handout);
		if (transport_wait(&handout->transport, POLLIN,
			clock_now_ms() + look_ms) == ERROR_NONE)
			error = read_spare(handout);
		if (roster_interrupted(handout->entry))
			error = ERROR_STOPPED;
		look_ms = look_ms < LOOK_MS / 2 ? 2 * look_ms : LOOK_MS;
	}
	if (error == ERROR_AGAIN)
		condemn(handout);
	return error;
}

/* Take the visitor's entry off the roster. A drain still counts the visitor
 * until its proxied connection enters. */
static void
leave_for_proxy(struct handout *handout, struct proxy *proxy)
{
	struct roster *roster = &handout->server->active;

	proxy->is_expected = true;
	roster_expect(roster);
	roster_leave(roster, handout->entry);
}

/* The visitor was given back, but the client may still answer on the spare. */
static bool
outlast(struct handout *handout, const struct uuid *uuid, struct proxy *proxy)
{
	struct server_state *server = handout->server;
	struct pending_visitor *visitor = NULL;
	size_t sent = handout->sent;
	struct transport transport = handout->transport;

	if (roster_enter(&server->active, handout->entry,
		transport_fd(&transport), -1)) {
		if (await_late(handout, uuid) == ERROR_NONE)
			visitor = pending_accept(
			    &server->pending, uuid, handout->principal);
		if (visitor != NULL)
			leave_for_proxy(handout, proxy);
		else
			roster_leave(&server->active, handout->entry);
	}
	if (visitor != NULL) {
		skip_sent(visitor, sent);
		handout->visitor = visitor;
		return serve_over(handout, proxy);
	}
	transport_reset(&transport);
	transport_close(&transport);
	release_handout(handout);
	return false;
}

/* Returns whether there is something to relay. */
static bool
deliver(struct handout *handout, struct proxy *proxy)
{
	struct roster *roster = &handout->server->active;
	struct shares *shares = &handout->server->shares;
	struct share_seat *seat = &handout->visitor->seat;
	struct uuid uuid = handout->visitor->uuid;
	unsigned entered = roster_enter(roster, handout->entry,
	    transport_fd(&handout->transport),
	    transport_fd(&handout->visitor->transport));
	enum error error = ERROR_STOPPED;

	roster_arrive(roster);
	if (entered > 0) {
		shares_bind(shares, seat, roster, handout->entry);
		error = offer(handout);
		proxy->is_entered = error == ERROR_NONE;
		if (error) {
			shares_unbind(shares, seat);
			roster_leave(roster, handout->entry);
		}
	}
	if (error == ERROR_NONE)
		return serve_taken(handout, proxy);
	if (error == ERROR_TIMEOUT)
		/* Close dead spares before the next visitor gets one. */
		condemn_if_dead(handout);
	give_back(handout);
	if (error == ERROR_TIMEOUT)
		return outlast(handout, &uuid, proxy);
	transport_reset(&handout->transport);
	transport_close(&handout->transport);
	release_handout(handout);
	return false;
}

static uint32_t
max_u32(uint32_t a, uint32_t b)
{
	return a > b ? a : b;
}

STACK_TRIM_APART static bool
run_order(const struct handout_order *order, struct proxy *proxy)
{
	struct handout handout = {
	    .server = order->server,
	    .tunnel = order->tunnel,
	    .visitor = order->visitor,
	    .principal = principal_hold(order->visitor->principal),
	    .transport = order->spare.transport,
	    .serial = order->spare.serial,
	    .rtt_ms = max_u32(order->rtt_ms,
		tcp_rtt_ms(transport_fd(&order->spare.transport))),
	    .entry = &proxy->entry,
	    .begun = order->begun,
	    .visitor_ended = order->visitor_ended,
	    .read_ahead = order->read_ahead,
	    .size = order->size,
	    .sent = order->sent,
	};

	channel_init(&handout.channel, order->spare.transport);
	return deliver(&handout, proxy);
}

static void
run_handout(void *argument)
{
	struct handout_order *order = argument;
	struct server_state *server = order->server;
	struct proxy proxy = {.is_entered = false};
	bool has_proxy = run_order(order, &proxy);

	object_cache_give(&server->handouts, order);
	if (has_proxy)
		proxy_run(&proxy);
}

/*
 * Write Connection and the bytes that the visitor has sent so far, as much as
 * can be written at once. The thread is woken only afterwards: by the time it
 * runs, Taken may have arrived.
 */
static void
begin_handout(struct handout_order *order)
{
	struct message message = connection_of(order->visitor);
	char frame[MESSAGE_JSON_MOST + 1];
	struct iovec parts[] = {
	    {.iov_base = frame}, {.iov_base = order->read_ahead}};
	size_t got;
	size_t sent;

	order->visitor_ended =
	    transport_read(&order->visitor->transport, order->read_ahead,
		BUFFERS_BYTES, &got) == ERROR_CLOSED;
	order->size = (uint32_t)got;
	parts[0].iov_len = message_encode(&message, frame);
	parts[1].iov_len = order->size;
	/* On failure the thread tries again and sees the cause. */
	if (parts[0].iov_len == 0 ||
	    transport_gather(&order->spare.transport, parts, 2, &sent))
		return;
	order->begun = true;
	if (sent >= parts[0].iov_len)
		order->sent = (uint32_t)(sent - parts[0].iov_len);
	else
		/* Half a frame was written, so the spare is useless. */
		(void)transport_end(&order->spare.transport);
}

enum error
handout_start(struct server_state *server, struct tunnel *tunnel,
    struct pending_visitor *visitor, const struct spare *spare, uint32_t rtt_ms)
{
	struct handout_order *order = object_cache_take(&server->handouts);
	char *read_ahead = buffers_borrow();

	if (order == NULL || read_ahead == NULL) {
		buffers_return(read_ahead);
		object_cache_give(&server->handouts, order);
		return ERROR_MEMORY;
	}
	*order = (struct handout_order){.server = server,
	    .tunnel = tunnel,
	    .visitor = visitor,
	    .spare = *spare,
	    .rtt_ms = rtt_ms,
	    .read_ahead = read_ahead};
	server->tunnels->hold(tunnel);
	/* A drain must not miss it before its thread runs. */
	roster_expect(&server->active);
	begin_handout(order);
	if (thread_pool_run(server->threads, run_handout, order) == ERROR_NONE)
		return ERROR_NONE;
	roster_arrive(&server->active);
	server_state_warn_shed(server, "no thread for a visitor");
	crowd_shrink(&server->silent, clock_now_ms());
	buffers_return(read_ahead);
	proxy_drop(server, visitor);
	transport_reset(&order->spare.transport);
	transport_close(&order->spare.transport);
	server->tunnels->release(tunnel);
	object_cache_give(&server->handouts, order);
	return ERROR_NONE;
}
