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

/* When a spare has not answered in a few round trips, or in this, its visitor is
 * announced elsewhere, ... */
#define TAKEN_MOST_MS 1000
/* ... but it may still answer as long as the visitor waits. */
#define LATE_MS PROTOCOL_ACCEPT_MS
/* Whether it still waits is looked at so often; at first soon, as the visitor may
 * be accepted elsewhere at once. */
#define LOOK_FIRST_MS 25
#define LOOK_MS       500

struct handout {
	struct server_state *server;
	struct tunnel *tunnel;
	struct pending_visitor *visitor;
	struct principal *principal; /* the visitor's, a reference */
	/* Of the spare. */
	struct transport transport;
	uint32_t serial;
	uint32_t rtt_ms;  /* the longer one of spare and control connection */
	int64_t offer_ms; /* when it was offered */
	bool condemned;   /* spares as old are closed */
	bool begun;       /* Connection is written */
	struct roster_entry *entry;
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
	size_t got;
	enum error error = transport_read(&handout->visitor->transport,
	    handout->kept + handout->size, BUFFERS_BYTES - handout->size, &got);

	handout->visitor_ended = error == ERROR_CLOSED;
	handout->size += got;
	return handout->visitor_ended ? ERROR_NONE : error;
}

/* Write Connection, then what is kept. */
static enum error
write_spare(struct handout *handout)
{
	enum error error = channel_flush(&handout->channel);

	while (error == ERROR_NONE && handout->sent < handout->size) {
		size_t sent;

		error = transport_write(&handout->transport,
		    handout->kept + handout->sent,
		    handout->size - handout->sent, &sent);
		handout->sent += sent;
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
	if (error &&
	    error != ERROR_AGAIN) /* what it said before still counts */
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

/* Move on from what went over the spare already. */
static void
skip_sent(struct pending_visitor *visitor, size_t sent)
{
	visitor->ahead = sent;
	visitor->kept_size -= sent;
	if (visitor->kept_size > 0) {
		memmove(
		    visitor->kept, visitor->kept + sent, visitor->kept_size);
		return;
	}
	buffers_return(visitor->kept);
	visitor->kept = NULL;
}

/* Give what the visitor has sent to the visitor itself, to be kept. */
static void
give_kept(struct handout *handout)
{
	handout->visitor->kept = handout->kept;
	handout->visitor->kept_size = handout->size;
	handout->kept = NULL;
}

/* Let the visitor wait in its tunnel, if it still does. */
static void
give_back(struct handout *handout)
{
	proxy_expect(handout->server, handout->visitor, true);
	give_kept(handout);
	skip_sent(handout->visitor, 0);
	if (handout->visitor_lost || !handout->server->tunnels->readmit(
					 handout->tunnel, handout->visitor))
		proxy_drop(handout->server, handout->visitor);
}

static void
release_handout(struct handout *handout)
{
	buffers_return(handout->kept);
	principal_release(handout->principal);
	handout->server->tunnels->release(handout->tunnel);
}

/* Have the visitor served over the spare. Releases the handout. Returns false
 * when there is no memory for that: all is closed. */
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

/* The client has the visitor. */
static bool
serve_taken(struct handout *handout, struct proxy *proxy)
{
	give_kept(handout);
	skip_sent(handout->visitor, handout->sent);
	return serve_over(handout, proxy);
}

/* What made this spare silent has come over those as old, too. */
static void
condemn(struct handout *handout)
{
	if (!handout->condemned)
		handout->server->tunnels->condemn_spares(
		    handout->tunnel, handout->serial);
	handout->condemned = true;
}

/* Where not even TCP has an answer after a few round trips, the way is dead, or
 * has lost a packet: which of both cannot be told yet. */
static void
condemn_if_dead(struct handout *handout)
{
	if (clock_now_ms() - handout->offer_ms >=
		patience_taken_ms(handout->rtt_ms) &&
	    tcp_has_unacknowledged(transport_fd(&handout->transport)))
		condemn(handout);
}

/*
 * Wait for Taken as long as the visitor waits in its tunnel. If it waits no more,
 * the client has accepted it elsewhere and so does not know of it from here.
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

/* The visitor leaves the roster, and comes back as a proxied connection. */
static void
leave_for_proxy(struct handout *handout, struct proxy *proxy)
{
	struct roster *roster = &handout->server->active;

	proxy->is_expected = true;
	roster_expect(roster);
	roster_leave(roster, handout->entry);
}

/* The visitor is given back, but the spare may still be alive. */
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
		condemn_if_dead(handout); /* before the next visitor comes */
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
	    .kept = order->kept,
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
 * Write Connection, and what the visitor has sent already, as far as that is
 * possible at once. A thread is woken only then: when it runs, Taken may have
 * come.
 */
static void
begin_handout(struct handout_order *order)
{
	struct message message = connection_of(order->visitor);
	char frame[MESSAGE_JSON_MOST + 1];
	struct iovec parts[] = {{.iov_base = frame}, {.iov_base = order->kept}};
	size_t got;
	size_t sent;

	order->visitor_ended =
	    transport_read(&order->visitor->transport, order->kept,
		BUFFERS_BYTES, &got) == ERROR_CLOSED;
	order->size = (uint32_t)got;
	parts[0].iov_len = message_encode(&message, frame);
	parts[1].iov_len = order->size;
	/* Where it fails, the thread tries again, and sees why. */
	if (parts[0].iov_len == 0 ||
	    transport_gather(&order->spare.transport, parts, 2, &sent))
		return;
	order->begun = true;
	if (sent >= parts[0].iov_len)
		order->sent = (uint32_t)(sent - parts[0].iov_len);
	else
		/* Half a frame: the spare is of no use. */
		(void)transport_end(&order->spare.transport);
}

enum error
handout_start(struct server_state *server, struct tunnel *tunnel,
    struct pending_visitor *visitor, const struct spare *spare, uint32_t rtt_ms)
{
	struct handout_order *order = object_cache_take(&server->handouts);
	char *kept = buffers_borrow();

	if (order == NULL || kept == NULL) {
		buffers_return(kept);
		object_cache_give(&server->handouts, order);
		return ERROR_MEMORY;
	}
	*order = (struct handout_order){.server = server,
	    .tunnel = tunnel,
	    .visitor = visitor,
	    .spare = *spare,
	    .rtt_ms = rtt_ms,
	    .kept = kept};
	server->tunnels->hold(tunnel);
	roster_expect(&server->active); /* as its thread may be late */
	begin_handout(order);
	if (thread_pool_run(server->threads, run_handout, order) == ERROR_NONE)
		return ERROR_NONE;
	roster_arrive(&server->active);
	server_state_warn_shed(server, "no thread for a visitor");
	crowd_shrink(&server->silent, clock_now_ms());
	buffers_return(kept);
	proxy_drop(server, visitor);
	transport_reset(&order->spare.transport);
	transport_close(&order->spare.transport);
	server->tunnels->release(tunnel);
	object_cache_give(&server->handouts, order);
	return ERROR_NONE;
}
