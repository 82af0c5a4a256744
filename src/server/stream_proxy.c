/* stream_proxy - see stream_proxy.h */
#include "server/stream_proxy.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/patience.h"
#include "base/protocol_times.h"
#include "net/tcp.h"
#include "os/idle_poll.h"
#include "os/stack_trim.h"
#include "relay/relay_stream.h"
#include "server/proxy.h"

/* How often to look for an idle data connection when the visitor's first one
 * was lost before the client answered. */
#define OFFER_MS 25

/* A visitor that is being served. On the stack for as long as it stays. */
struct stream_proxy {
	struct stream_order *order;
	struct server_state *server;
	struct tunnel *tunnel;
	struct pending_visitor *visitor;
	struct spare spare;
	uint32_t rtt_ms;
	uint32_t resume_ms;

	struct relay_stream relay;
	int news_fd;
	/* When to look for another idle data connection; CLOCK_NEVER. */
	int64_t offer_ms;
	bool is_listed;      /* in the directory */
	bool is_stopped;     /* the stream was informed of the interruption */
	bool is_interrupted; /* the outage counts it as interrupted */
};

/* Called before a socket of the stream is closed. */
static void
leave_visitor_socket(void *owner, bool is_end)
{
	struct stream_proxy *proxy = owner;

	if (!is_end && proxy->is_listed)
		proxy->news_fd = stream_directory_watch(&proxy->server->streams,
		    &proxy->order->entry, -1, proxy->relay.stream.attempt);
	roster_set(
	    &proxy->server->active, &proxy->order->place, is_end ? 0 : 1, -1);
}

static void
stop_seeking(struct stream_proxy *proxy)
{
	if (proxy->offer_ms != CLOCK_NEVER)
		proxy->server->tunnels->seek(proxy->tunnel, false);
	proxy->offer_ms = CLOCK_NEVER;
}

/* Let other threads wake this one by its new data connection. */
static void
watch_proxy_data(struct stream_proxy *proxy)
{
	int fd = transport_fd(&proxy->relay.data);

	if (fd == -1)
		return;
	roster_set(&proxy->server->active, &proxy->order->place, 1, fd);
	stream_directory_watch(&proxy->server->streams, &proxy->order->entry,
	    fd, proxy->relay.stream.attempt);
	proxy->news_fd = -1;
	stop_seeking(proxy);
}

static void
attach_data(struct stream_proxy *proxy, struct transport data,
    struct stream_event event)
{
	relay_stream_attach(&proxy->relay, data, &event);
	if (proxy->relay.stream.connection == event.connection)
		watch_proxy_data(proxy);
}

/* How long the stream may be interrupted. */
static uint32_t
stream_resume_ms(const struct stream_proxy *proxy)
{
	return proxy->spare.is_local ? 0 : proxy->resume_ms;
}

static void
describe_visitor(const void *owner, struct stream_open *open)
{
	const struct stream_proxy *proxy = owner;

	open->id = proxy->visitor->uuid;
	open->resume_ms = proxy->relay.stream.options.resume_ms;
	open->visitor = proxy->visitor->address;
}

static struct stream_options
proxy_options(const struct stream_proxy *proxy)
{
	const struct server_options *options = proxy->server->options;

	return (struct stream_options){
	    .role = STREAM_SERVER,
	    .resume_ms = stream_resume_ms(proxy),
	    .dead_ms = patience_answer_ms(STREAM_DEAD_MS, proxy->rtt_ms),
	    .offer_ms = patience_taken_ms(proxy->rtt_ms),
	    /* A client that is there answers at once. If it is not, that is
	     * noticed first, and then the visitor waits for it. */
	    .wait_ms = options->client_timeout_ms + options->hold_ms,
	    .window_most = stream_window_most(proxy->rtt_ms, options->window),
	};
}

/* Create a stream for the visitor, offered on the data connection. Returns
 * false if the server stops. */
STACK_TRIM_APART static bool
begin(struct stream_proxy *proxy)
{
	struct server_state *server = proxy->server;
	struct pending_visitor *visitor = proxy->visitor;
	struct relay_stream *relay = &proxy->relay;
	struct stream_options options;
	unsigned entered = roster_enter(&server->active, &proxy->order->place,
	    transport_fd(&visitor->transport), -1);

	roster_arrive(&server->active);
	if (entered == 0)
		return false;
	options = proxy_options(proxy);
	stream_init_server(&relay->stream, &options, clock_now_ms());
	relay->id = visitor->uuid;
	relay->describe = describe_visitor;
	relay->let_go = leave_visitor_socket;
	relay->owner = proxy;
	relay->entry = &proxy->order->place;
	relay_stream_init(relay);
	proxy->news_fd = -1;
	proxy->offer_ms = CLOCK_NEVER;
	proxy->is_stopped = false;
	proxy->is_interrupted = false;
	/* If this process is killed, the visitor must get a reset and not an
	 * end of file. */
	transport_reset(&visitor->transport);
	relay_stream_set_end(relay, visitor->transport);
	visitor->transport = (struct transport)TRANSPORT_INITIALIZER;
	shares_bind(&server->shares, &visitor->seat, &server->active,
	    &proxy->order->place);
	proxy->order->entry.id = visitor->uuid;
	proxy->order->entry.principal = visitor->principal;
	proxy->order->entry.group = proxy->tunnel;
	atomic_init(&proxy->order->entry.heard_ms, clock_now_ms());
	(void)stream_directory_enter(&server->streams, &proxy->order->entry);
	proxy->is_listed = true;
	attach_data(proxy, proxy->spare.transport,
	    (struct stream_event){.kind = STREAM_EVENT_IDLE});
	relay_stream_read_ahead(relay);
	return true;
}

/* --- While it is served */

static void
await_proxy_events(struct stream_proxy *proxy, struct pollfd slots[3])
{
	int64_t due_ms =
	    clock_earlier(relay_stream_due_ms(&proxy->relay), proxy->offer_ms);
	int ready;

	relay_stream_poll(&proxy->relay, slots);
	slots[2] = (struct pollfd){.fd = proxy->news_fd, .events = POLLIN};
	ready = idle_poll(slots, 3, relay_stream_wait_ms(slots, due_ms));
	if (ready <= 0)
		slots[0].revents = slots[1].revents = slots[2].revents = 0;
}

STACK_TRIM_APART static void
take_proxy_news(struct stream_proxy *proxy)
{
	struct stream_news news;
	struct stream_event event = {.kind = STREAM_EVENT_RESUME};

	if (!stream_directory_take(
		&proxy->server->streams, &proxy->order->entry, &news))
		return;
	if (news.is_unknown)
		relay_stream_step(&proxy->relay,
		    (struct stream_event){.kind = STREAM_EVENT_UNKNOWN});
	if (!transport_is_open(&news.data)) {
		free(news.rest);
		return;
	}
	event.attempt = news.attempt;
	event.place = news.place;
	attach_data(proxy, news.data, event);
	if (news.rest_size > 0)
		relay_stream_feed(&proxy->relay, news.rest, news.rest_size);
	free(news.rest);
}

static void
offer_again(struct stream_proxy *proxy)
{
	struct server_state *server = proxy->server;
	struct spare spare;

	if (proxy->offer_ms == CLOCK_NEVER)
		server->tunnels->seek(proxy->tunnel, true);
	proxy->offer_ms = clock_now_ms() + OFFER_MS;
	/* Whatever silenced this data connection has silenced older ones as
	 * well. */
	server->tunnels->condemn_spares(proxy->tunnel, proxy->spare.serial);
	if (!server->tunnels->take_spare(proxy->tunnel, &spare))
		return;
	budget_give(server->options->budget, BUDGET_SESSION);
	proxy->spare = spare;
	attach_data(proxy, spare.transport,
	    (struct stream_event){.kind = STREAM_EVENT_IDLE});
}

STACK_TRIM_APART static void
do_proxy_actions(struct stream_proxy *proxy)
{
	struct server_state *server = proxy->server;
	unsigned actions = relay_stream_actions(&proxy->relay);
	const struct stream *stream = &proxy->relay.stream;

	if ((actions & STREAM_DO_OFFER) != 0 ||
	    clock_now_ms() >= proxy->offer_ms)
		offer_again(proxy);
	if (actions & STREAM_DO_SAY_LOST)
		server->tunnels->say_lost(
		    proxy->tunnel, &proxy->relay.id, stream->attempt);
	if (actions & STREAM_DO_BURY)
		stream_tombstones_put(&server->tombstones, &proxy->relay.id,
		    stream->fate, stream->attempt, false, clock_now_ms());
	if (actions & STREAM_DO_INTERRUPTED) {
		stream_outage_begin(&server->outage, clock_now_ms());
		proxy->is_interrupted = true;
	}
	if (actions & STREAM_DO_RESUMED) {
		stream_outage_resume(&server->outage, clock_now_ms());
		proxy->is_interrupted = false;
	}
}

static void
note_client_life(struct stream_proxy *proxy)
{
	struct pulse *pulse = proxy->visitor->pulse;

	if (!proxy->relay.has_heard)
		return;
	proxy->relay.has_heard = false;
	atomic_store_explicit(&proxy->order->entry.heard_ms, clock_now_ms(),
	    memory_order_relaxed);
	if (pulse != NULL &&
	    !atomic_load_explicit(&pulse->heard, memory_order_relaxed))
		pulse_beat(pulse);
	proxy_expect(proxy->server, proxy->visitor, false);
}

STACK_TRIM_APART static void
stop_proxy(struct stream_proxy *proxy)
{
	proxy->is_stopped = true;
	relay_stream_step(
	    &proxy->relay, (struct stream_event){.kind = STREAM_EVENT_STOP});
}

static void
serve_proxy(struct stream_proxy *proxy)
{
	struct relay_stream *relay = &proxy->relay;
	struct pollfd slots[3] = {{.fd = -1}, {.fd = -1}, {.fd = -1}};

	relay_stream_serve(relay, slots);
	do_proxy_actions(proxy);
	/* The last turn of one that is asked to end has said RESET; the answer is
	 * not waited for, as others may need its descriptors. */
	while (!relay_stream_is_over(relay) && !proxy->is_stopped) {
		await_proxy_events(proxy, slots);
		take_proxy_news(proxy);
		if (!proxy->is_stopped &&
		    roster_interrupted(&proxy->order->place))
			stop_proxy(proxy);
		relay_stream_serve(relay, slots);
		note_client_life(proxy);
		do_proxy_actions(proxy);
	}
}

/* --- The end */

static const char *
ending_of(const struct stream_proxy *proxy)
{
	if (proxy->relay.stream.fate == STREAM_FATE_FINISHED)
		return "";
	/* The stop may have broken the data connection before it was seen. */
	return roster_interrupted(&proxy->order->place)
	           ? ", cut off by our stop"
	           : ", reset";
}

/* Leave everywhere, and close what is left. If the data connection is idle
 * again, it gets its own place in the budget. */
STACK_TRIM_APART static void
finish(struct stream_proxy *proxy)
{
	struct server_state *server = proxy->server;

	stop_seeking(proxy);
	if (proxy->is_interrupted)
		stream_outage_give_up(&server->outage, clock_now_ms());
	stream_directory_leave(&server->streams, &proxy->order->entry);
	proxy->is_listed = false;
	proxy->spare.transport = relay_stream_part(&proxy->relay);
	relay_stream_destroy(&proxy->relay);
	shares_unbind(&server->shares, &proxy->visitor->seat);
	roster_leave(&server->active, &proxy->order->place);
	proxy_log(proxy->visitor, relay_stream_from_end(&proxy->relay),
	    relay_stream_to_end(&proxy->relay), ending_of(proxy));
	if (transport_is_open(&proxy->spare.transport))
		budget_force(server->options->budget, BUDGET_SESSION);
	proxy_finish(server, proxy->visitor);
}

/* Returns whether another visitor waits, which is to be served next. */
STACK_TRIM_APART static bool
take_next(struct stream_proxy *proxy)
{
	struct server_state *server = proxy->server;

	if (!transport_is_open(&proxy->spare.transport))
		return false;
	/* A drain must not miss the visitor once it has left pending. */
	roster_expect(&server->active);
	proxy->visitor =
	    server->tunnels->next_visitor(proxy->tunnel, &proxy->spare);
	if (proxy->visitor == NULL) {
		roster_arrive(&server->active);
		server->tunnels->reuse(proxy->tunnel, &proxy->spare);
		return false;
	}
	budget_give(server->options->budget, BUDGET_SESSION);
	return true;
}

static void
run_streams(void *argument)
{
	struct stream_order *order = argument;
	struct server_state *server = order->server;
	struct stream_proxy proxy = {
	    .order = order,
	    .server = server,
	    .tunnel = order->tunnel,
	    .visitor = order->visitor,
	    .spare = order->spare,
	    .rtt_ms = order->rtt_ms,
	    .resume_ms = order->resume_ms,
	};

	do {
		if (begin(&proxy)) {
			serve_proxy(&proxy);
			finish(&proxy);
		} else {
			transport_close(&proxy.spare.transport);
			proxy_drop(server, proxy.visitor);
		}
	} while (take_next(&proxy));
	object_cache_give(&server->stream_orders, order);
	server->tunnels->release(proxy.tunnel);
}

enum error
stream_proxy_start(struct server_state *server, struct tunnel *tunnel,
    struct pending_visitor *visitor, const struct spare *spare, uint32_t rtt_ms,
    uint32_t resume_ms)
{
	struct stream_order *order = object_cache_take(&server->stream_orders);
	enum error error;

	if (order == NULL)
		return ERROR_MEMORY;
	*order = (struct stream_order){.server = server,
	    .tunnel = tunnel,
	    .visitor = visitor,
	    .spare = *spare,
	    .rtt_ms = rtt_ms,
	    .resume_ms = resume_ms};
	server->tunnels->hold(tunnel);
	/* A drain must not miss it before its thread runs. */
	roster_expect(&server->active);
	budget_give(server->options->budget, BUDGET_SESSION);
	error = thread_pool_run(server->threads, run_streams, order);
	if (error == ERROR_NONE)
		return ERROR_NONE;
	budget_force(server->options->budget, BUDGET_SESSION);
	roster_arrive(&server->active);
	server->tunnels->release(tunnel);
	object_cache_give(&server->stream_orders, order);
	return error;
}

void
stream_proxy_answer(struct server_state *server, struct transport *data,
    const struct stream_resume *resume)
{
	struct stream_head head = {.type = STREAM_GONE};
	uint8_t bytes[STREAM_HEAD_BYTES];
	size_t sent;

	if (stream_tombstones_ask(&server->tombstones, &resume->id,
		clock_now_ms()) == STREAM_FATE_FINISHED)
		head.type = STREAM_FINISHED;
	stream_frame_encode_head(&head, bytes);
	/* If it does not arrive, the client asks again. */
	(void)transport_write(data, bytes, sizeof bytes, &sent);
	transport_close(data);
}
