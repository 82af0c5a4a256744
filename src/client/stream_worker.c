/* stream_worker - see stream_worker.h */
#include "client/stream_worker.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/patience.h"
#include "base/protocol_times.h"
#include "client/data_connection.h"
#include "client/service.h"
#include "net/sockopt.h"
#include "net/tcp.h"
#include "os/idle_poll.h"
#include "os/stack_trim.h"
#include "relay/buffers.h"
#include "relay/relay_stream.h"

/* How often to check whether the service's name has been looked up. */
#define LOOKUP_MS 10
/* After a data connection has failed, none is opened ahead of need for this
 * long. */
#define REST_MS 5000
/* The slots of poll(): those of the relay, of news, and of the dial of the
 * service. */
#define NEWS_SLOT  RELAY_STREAM_SLOTS
#define WAIT_SLOTS (NEWS_SLOT + 1)
#define SLOTS_MOST (WAIT_SLOTS + DIAL_SLOTS)

/* What arrived on an idle data connection. */
struct offer {
	struct stream_head head;
	struct stream_open open;
	/* A buffer (buffers.h); size bytes that arrived behind OPEN, from start
	 * on. */
	char *buffer;
	size_t start;
	size_t size;
};

/* A visitor that is being served. On the stack for as long as it stays. */
struct stream_worker {
	struct worker_shared *shared;
	struct worker_session *session;
	struct transport data; /* while the connection is idle */

	struct relay_stream relay;
	struct stream_seat *seat;
	/* While the service is dialled; else NULL. */
	struct service *service;
	int news_fd;
	bool is_listed;
	bool is_stopped;
	bool is_interrupted;
	/* Keepalive of the service's socket has not been set yet: most visitors
	 * are served before any of it would be due. */
	bool wants_keepalive;
};

/* --- The idle data connection */

/* Let the stop, or the end of the session, interrupt what waits for this data
 * connection. Returns false if there is one already. */
static bool
enter_new_data(struct stream_worker *worker, struct worker_session *session,
    enum message_kind kind, int fd)
{
	struct roster_entry *place = &worker->seat->place;

	if (kind == MESSAGE_STREAM)
		return roster_enter(&session->spares, place, fd, -1) > 0;
	/* The entry of the stream, which has lost its data connection. */
	roster_set(worker->shared->roster, place, 0, fd);
	return !roster_interrupted(place);
}

static void
leave_new_data(struct stream_worker *worker, struct worker_session *session,
    enum message_kind kind)
{
	struct roster_entry *place = &worker->seat->place;

	if (kind == MESSAGE_STREAM)
		roster_leave(&session->spares, place);
	else
		roster_set(worker->shared->roster, place, 0, -1);
}

/* Prove the secret on a new data connection, and say what it is for. */
static enum error
introduce_data(struct stream_worker *worker, struct worker_session *session,
    enum message_kind kind, struct data_connection *connection)
{
	const struct message what = {.kind = kind, .as.uuid = session->key};
	enum error error = ERROR_STOPPED;

	if (!enter_new_data(
		worker, session, kind, transport_fd(&connection->transport))) {
		if (kind != MESSAGE_STREAM)
			leave_new_data(worker, session, kind);
		return error;
	}
	error = data_connection_authenticate(connection);
	if (error == ERROR_NONE)
		error = data_connection_say(connection, &what);
	leave_new_data(worker, session, kind);
	return roster_interrupted(&worker->seat->place) ? ERROR_STOPPED : error;
}

/* Open a data connection, and say what it is for. Returns no transport on
 * failure. */
STACK_TRIM_APART static struct transport
open_data(struct stream_worker *worker, struct worker_session *session,
    enum message_kind kind, uint32_t timeout_ms)
{
	struct data_connection connection;
	struct transport data = TRANSPORT_INITIALIZER;
	struct dial none;
	enum error error;

	dial_none(&none);
	data_connection_init(
	    &connection, &session->server, worker->shared->stop_fd);
	data_connection_dial(&connection, timeout_ms);
	error = data_connection_wait(&connection, &none);
	if (error == ERROR_NONE)
		error = introduce_data(worker, session, kind, &connection);
	if (error == ERROR_NONE) {
		data = connection.transport;
		connection.transport = (struct transport)TRANSPORT_INITIALIZER;
	} else {
		log_debug("no data connection: %s", connection.reason);
	}
	data_connection_end(&connection);
	return data;
}

/* Parse OPEN. Returns ERROR_AGAIN if it is not complete. */
static enum error
parse_offer(struct offer *offer)
{
	const uint8_t *bytes = (const uint8_t *)offer->buffer;
	enum error error;

	if (offer->size < STREAM_HEAD_BYTES)
		return ERROR_AGAIN;
	error = stream_frame_decode_head(bytes, &offer->head);
	if (error == ERROR_NONE && offer->head.type != STREAM_OPEN)
		error = ERROR_PROTOCOL;
	if (error)
		return error;
	if (offer->size < STREAM_HEAD_BYTES + offer->head.length)
		return ERROR_AGAIN;
	offer->start = STREAM_HEAD_BYTES + offer->head.length;
	offer->size -= offer->start;
	return stream_frame_decode_open(
	    bytes + STREAM_HEAD_BYTES, offer->head.length, &offer->open);
}

/* Read OPEN, whose first bytes have arrived. */
STACK_TRIM_APART static enum error
read_offer(const struct transport *data, struct offer *offer)
{
	int64_t deadline_ms = clock_now_ms() + PROTOCOL_HANDSHAKE_MS;
	enum error error = ERROR_AGAIN;
	size_t got;

	offer->buffer = buffers_force();
	if (offer->buffer == NULL)
		return ERROR_MEMORY;
	while (error == ERROR_AGAIN) {
		error = transport_read(data, offer->buffer + offer->size,
		    BUFFERS_BYTES - offer->size, &got);
		offer->size += got;
		if (error == ERROR_AGAIN)
			error = transport_wait(data, POLLIN, deadline_ms);
		else if (error == ERROR_NONE)
			error = parse_offer(offer);
		if (error == ERROR_NONE && offer->start == 0)
			error = ERROR_AGAIN; /* something may have arrived */
	}
	return error;
}

/* Wait for a visitor on the idle data connection, as a spare of the session. */
static enum error
await_offer(struct stream_worker *worker)
{
	struct roster *spares = &worker->session->spares;
	struct pollfd slot = transport_poll(&worker->data, POLLIN);
	struct roster_entry *entry = &worker->seat->place;
	int ready;

	if (!roster_enter(spares, entry, slot.fd, -1))
		return ERROR_STOPPED;
	do
		ready = idle_poll(&slot, 1, -1);
	while (ready <= 0);
	roster_leave(spares, entry);
	return roster_interrupted(entry) ? ERROR_STOPPED : ERROR_NONE;
}

/* --- A stream */

static void
leave_stream_socket(void *owner, bool is_end)
{
	struct stream_worker *worker = owner;

	if (!is_end && worker->is_listed)
		worker->news_fd =
		    stream_directory_watch(&worker->shared->streams,
			&worker->seat->entry, -1, worker->relay.stream.attempt);
	roster_set(
	    worker->shared->roster, &worker->seat->place, is_end ? 1 : 0, -1);
}

static void
watch_stream_data(struct stream_worker *worker)
{
	int fd = transport_fd(&worker->relay.data);

	if (fd == -1)
		return;
	roster_set(worker->shared->roster, &worker->seat->place, 0, fd);
	stream_directory_watch(&worker->shared->streams, &worker->seat->entry,
	    fd, worker->relay.stream.attempt);
	worker->news_fd = -1;
}

static void
adopt_data(struct stream_worker *worker, struct transport data,
    struct stream_event event)
{
	relay_stream_attach(&worker->relay, data, &event);
	if (worker->relay.stream.connection == event.connection)
		watch_stream_data(worker);
}

static struct stream_options
worker_options(const struct stream_worker *worker, uint32_t resume_ms)
{
	uint32_t rtt_ms = atomic_load(&worker->session->server.rtt_ms);

	return (struct stream_options){
	    .role = STREAM_CLIENT,
	    .resume_ms = resume_ms,
	    .dead_ms = patience_answer_ms(STREAM_DEAD_MS, rtt_ms),
	    .window_most =
		stream_window_most(rtt_ms, worker->shared->options->window),
	};
}

static void
init_relay(struct stream_worker *worker, const struct offer *offer)
{
	struct relay_stream *relay = &worker->relay;

	relay->id = offer->open.id;
	relay->describe = NULL;
	relay->let_go = leave_stream_socket;
	relay->owner = worker;
	relay->entry = &worker->seat->place;
	relay_stream_init(relay);
	relay_stream_begin(relay, worker->data);
	worker->data = (struct transport)TRANSPORT_INITIALIZER;
}

/* Begin a stream with an unknown id. Returns false if the client stops, or
 * another thread has just begun it. */
static bool
begin_stream(struct stream_worker *worker, const struct offer *offer)
{
	struct worker_shared *shared = worker->shared;
	struct stream_options options =
	    worker_options(worker, offer->open.resume_ms);

	if (!roster_enter(shared->roster, &worker->seat->place,
		transport_fd(&worker->data), -1))
		return false;
	worker->seat->entry.id = offer->open.id;
	worker->seat->entry.principal = NULL;
	worker->seat->entry.group = NULL;
	atomic_init(&worker->seat->entry.heard_ms, clock_now_ms());
	if (!stream_directory_enter(&shared->streams, &worker->seat->entry)) {
		roster_leave(shared->roster, &worker->seat->place);
		return false;
	}
	worker->is_listed = true;
	worker->is_stopped = worker->is_interrupted = false;
	worker->wants_keepalive = false;
	worker->seat->call_ms = CLOCK_NEVER;
	worker->seat->local.length = 0;
	worker->seat->start_ms = clock_now_ms();
	atomic_store(&worker->session->visitor_ms, worker->seat->start_ms);
	stream_init_client(&worker->relay.stream, &options, 1, &offer->head,
	    worker->seat->start_ms);
	init_relay(worker, offer);
	watch_stream_data(worker);
	relay_stream_feed(&worker->relay,
	    (const uint8_t *)offer->buffer + offer->start, offer->size);
	return true;
}

/* --- The local service */

static void
release_service(struct stream_worker *worker)
{
	if (worker->service == NULL)
		return;
	service_end(worker->service);
	worker->service = NULL;
}

static void
take_service(struct stream_worker *worker)
{
	struct transport end = service_take(worker->service);

	worker->seat->local = worker->service->dial.peer;
	release_service(worker);
	worker_warn_of_loop(worker->session, &worker->seat->local,
	    transport_fd(&worker->relay.data));
	sockopt_hurry(transport_fd(&end));
	worker->wants_keepalive = true;
	/* If this process is killed, the service must get a reset and not an
	 * end of file. */
	transport_reset(&end);
	roster_set(worker->shared->roster, &worker->seat->place, 1,
	    transport_fd(&end));
	relay_stream_set_end(&worker->relay, end);
}

static void
fail_service(struct stream_worker *worker)
{
	char reason[SERVICE_REASON_SIZE];

	service_reason(worker->service, reason);
	release_service(worker);
	worker_warn_of_failure(worker->shared, reason);
	relay_stream_break_end(&worker->relay, STREAM_CODE_REFUSED);
}

/* Drive the connection to the service. */
STACK_TRIM_APART static void
tend_service(struct stream_worker *worker)
{
	struct service *service = worker->service;
	int64_t now_ms = clock_now_ms();

	if (worker->service == NULL)
		return;
	if (worker->seat->call_ms != CLOCK_NEVER) {
		if (now_ms < worker->seat->call_ms)
			return;
		worker->seat->call_ms = CLOCK_NEVER;
		service_call(service);
	}
	if (!service_step(service))
		return;
	if (service_is_connected(service))
		take_service(worker);
	else if (service_tries_again(now_ms, worker->seat->start_ms,
		     worker->shared->options->local_retry_ms))
		worker->seat->call_ms = now_ms + SERVICE_REST_MS;
	else
		fail_service(worker);
}

/* --- While it is served */

static unsigned
poll_service(
    const struct stream_worker *worker, struct pollfd *slots, int64_t *due_ms)
{
	if (worker->service == NULL)
		return 0;
	*due_ms = clock_earlier(*due_ms, worker->seat->call_ms);
	if (worker->seat->call_ms != CLOCK_NEVER)
		return 0;
	if (worker->service->is_looking_up)
		*due_ms = clock_earlier(*due_ms, clock_now_ms() + LOOKUP_MS);
	return dial_poll(&worker->service->dial, slots, due_ms);
}

static int
worker_wait_ms(const struct stream_worker *worker, const struct pollfd *slots,
    int64_t due_ms)
{
	int wait_ms = relay_stream_wait_ms(slots, due_ms);

	return worker->wants_keepalive &&
	               (wait_ms == -1 || wait_ms > IDLE_POLL_MS)
	           ? IDLE_POLL_MS
	           : wait_ms;
}

static void
keep_alive(struct stream_worker *worker)
{
	worker->wants_keepalive = false;
	if (transport_is_open(&worker->relay.end))
		sockopt_set_keepalive(transport_fd(&worker->relay.end),
		    &sockopt_keepalive_proxied);
}

/* The same while the service is dialled, which takes some more slots. A function
 * of its own, so that they are not on the stack of a thread that waits for
 * long. */
STACK_TRIM_APART static int
poll_with_dial(
    struct stream_worker *worker, struct pollfd relay_slots[WAIT_SLOTS])
{
	struct pollfd slots[SLOTS_MOST];
	int64_t due_ms = relay_stream_due_ms(&worker->relay);
	unsigned count = WAIT_SLOTS;
	int ready;

	memcpy(slots, relay_slots, WAIT_SLOTS * sizeof slots[0]);
	count += poll_service(worker, slots + WAIT_SLOTS, &due_ms);
	ready = poll(slots, count, worker_wait_ms(worker, slots, due_ms));
	memcpy(relay_slots, slots, WAIT_SLOTS * sizeof slots[0]);
	return ready;
}

static void
await_stream_events(
    struct stream_worker *worker, struct pollfd slots[WAIT_SLOTS])
{
	int ready;

	relay_stream_poll(&worker->relay, slots);
	slots[NEWS_SLOT] =
	    (struct pollfd){.fd = worker->news_fd, .events = POLLIN};
	if (worker->service != NULL)
		ready = poll_with_dial(worker, slots);
	else
		ready = idle_poll(slots, WAIT_SLOTS,
		    worker_wait_ms(
			worker, slots, relay_stream_due_ms(&worker->relay)));
	if (ready == 0 && worker->wants_keepalive)
		keep_alive(worker);
	if (ready <= 0)
		slots[0].revents = slots[1].revents = 0;
}

STACK_TRIM_APART static void
take_worker_news(struct stream_worker *worker)
{
	struct stream_news news;

	if (!stream_directory_take(
		&worker->shared->streams, &worker->seat->entry, &news))
		return;
	if (news.is_lost)
		relay_stream_step(&worker->relay,
		    (struct stream_event){.kind = STREAM_EVENT_LOST,
			.attempt = news.lost_attempt});
	if (transport_is_open(&news.data)) {
		adopt_data(worker, news.data,
		    (struct stream_event){.kind = STREAM_EVENT_OPENED_AGAIN});
		relay_stream_feed(&worker->relay, news.rest, news.rest_size);
	}
	free(news.rest);
}

/* Dial another data connection for the stream. */
STACK_TRIM_APART static void
dial_again(struct stream_worker *worker)
{
	struct worker_session *session = worker_latest_session(worker->shared);
	struct transport data = open_data(
	    worker, session, MESSAGE_RESUME, PROTOCOL_CONNECT_AGAIN_MS);

	worker_session_release(session);
	if (transport_is_open(&data))
		adopt_data(worker, data,
		    (struct stream_event){.kind = STREAM_EVENT_DIALLED});
	else
		relay_stream_step(&worker->relay,
		    (struct stream_event){.kind = STREAM_EVENT_DIAL_FAILED});
}

STACK_TRIM_APART static void
do_worker_actions(struct stream_worker *worker)
{
	struct worker_shared *shared = worker->shared;
	unsigned actions = relay_stream_actions(&worker->relay);

	if (actions & STREAM_DO_SAY_UNKNOWN)
		worker_disown(shared, &worker->relay.id);
	if (actions & STREAM_DO_INTERRUPTED) {
		stream_outage_begin(&shared->outage, clock_now_ms());
		worker->is_interrupted = true;
	}
	if (actions & STREAM_DO_RESUMED) {
		stream_outage_resume(&shared->outage, clock_now_ms());
		worker->is_interrupted = false;
	}
	if (actions & STREAM_DO_DIAL)
		dial_again(worker);
}

static void
note_server_life(struct stream_worker *worker)
{
	if (!worker->relay.has_heard)
		return;
	worker->relay.has_heard = false;
	atomic_store_explicit(&worker->seat->entry.heard_ms, clock_now_ms(),
	    memory_order_relaxed);
	if (relay_stream_to_end(&worker->relay) > 0)
		atomic_store_explicit(
		    &worker->session->carried, true, memory_order_relaxed);
}

STACK_TRIM_APART static void
stop_worker(struct stream_worker *worker)
{
	worker->is_stopped = true;
	relay_stream_step(
	    &worker->relay, (struct stream_event){.kind = STREAM_EVENT_STOP});
}

/* Wait for events once, and serve them. */
static void
turn_worker(struct stream_worker *worker)
{
	struct pollfd slots[WAIT_SLOTS];

	await_stream_events(worker, slots);
	take_worker_news(worker);
	if (!worker->is_stopped && roster_interrupted(&worker->seat->place))
		stop_worker(worker);
	tend_service(worker);
	relay_stream_serve(&worker->relay, slots);
	note_server_life(worker);
	do_worker_actions(worker);
}

/* Whether the visitor is to be served on. One that is asked to end has said RESET
 * in its last turn, and does not wait for the answer. */
static bool
goes_on(const struct stream_worker *worker)
{
	return !relay_stream_is_over(&worker->relay) && !worker->is_stopped;
}

/* Serve the visitor until the service is connected or has failed. A function of
 * its own, so that what the dial has on the stack is gone afterwards. */
STACK_TRIM_APART static void
reach_local_service(struct stream_worker *worker)
{
	const struct worker_shared *shared = worker->shared;
	struct pollfd slots[WAIT_SLOTS] = {{.fd = -1}, {.fd = -1}, {.fd = -1}};
	struct service service;

	service_init(
	    &service, &shared->options->local, shared->local, shared->stop_fd);
	service_call(&service);
	worker->service = &service;
	tend_service(worker);
	relay_stream_serve(&worker->relay, slots);
	do_worker_actions(worker);
	while (worker->service != NULL && goes_on(worker))
		turn_worker(worker);
	release_service(worker);
}

static void
serve_worker(struct stream_worker *worker)
{
	reach_local_service(worker);
	while (goes_on(worker))
		turn_worker(worker);
}

STACK_TRIM_APART static void
log_stream(const struct stream_worker *worker)
{
	char uuid[UUID_TEXT_SIZE];
	char local[ADDRESS_TEXT_SIZE];
	const char *ending = ", reset";

	if (worker->seat->local.length == 0)
		return; /* the reason was logged */
	if (worker->relay.stream.fate == STREAM_FATE_FINISHED)
		ending = "";
	else if (roster_interrupted(&worker->seat->place))
		ending = ", cut off by our stop";
	uuid_print(&worker->relay.id, uuid);
	address_print(&worker->seat->local, local);
	log_info("visitor %.8s to %s: %.1f s, %llu bytes in, %llu bytes out%s",
	    uuid, local,
	    (double)(clock_now_ms() - worker->seat->start_ms) / 1000,
	    (unsigned long long)relay_stream_to_end(&worker->relay),
	    (unsigned long long)relay_stream_from_end(&worker->relay), ending);
}

/* Leave everywhere, and close what is left. */
STACK_TRIM_APART static void
finish_stream(struct stream_worker *worker)
{
	struct worker_shared *shared = worker->shared;
	enum stream_fate fate = worker->relay.stream.fate;

	if (worker->is_interrupted)
		stream_outage_give_up(&shared->outage, clock_now_ms());
	/* Before the id becomes unknown, so that a late OPEN does not begin the
	 * stream again. */
	stream_tombstones_put(&shared->tombstones, &worker->relay.id,
	    fate == STREAM_FATE_UNKNOWN ? STREAM_FATE_GONE : fate,
	    worker->relay.stream.attempt, false, clock_now_ms());
	stream_directory_leave(&shared->streams, &worker->seat->entry);
	worker->is_listed = false;
	worker->data = relay_stream_part(&worker->relay);
	relay_stream_destroy(&worker->relay);
	roster_leave(shared->roster, &worker->seat->place);
	log_stream(worker);
}

/* --- An offer */

/* Answer OPEN for a stream that has ended. */
static void
answer_offer(struct stream_worker *worker, const struct offer *offer,
    enum stream_fate fate)
{
	struct stream_options options =
	    worker_options(worker, offer->open.resume_ms);
	struct pollfd slots[RELAY_STREAM_SLOTS] = {{.fd = -1}, {.fd = -1}};
	struct relay_stream *relay = &worker->relay;

	worker->is_listed = false;
	if (!roster_enter(worker->shared->roster, &worker->seat->place,
		transport_fd(&worker->data), -1)) {
		transport_close(&worker->data);
		return;
	}
	stream_init_answer(
	    &relay->stream, &options, fate, 0, 1, clock_now_ms());
	relay->id = offer->open.id;
	relay->let_go = leave_stream_socket;
	relay->owner = worker;
	relay->entry = &worker->seat->place;
	relay_stream_init(relay);
	relay_stream_begin(relay, worker->data);
	relay_stream_feed(
	    relay, (const uint8_t *)offer->buffer + offer->start, offer->size);
	relay_stream_serve(relay, slots);
	while (!relay_stream_is_over(relay)) {
		relay_stream_poll(relay, slots);
		poll(slots, RELAY_STREAM_SLOTS,
		    clock_left_ms(relay_stream_due_ms(relay)));
		relay_stream_serve(relay, slots);
	}
	worker->data = relay_stream_part(relay);
	relay_stream_destroy(relay);
	roster_leave(worker->shared->roster, &worker->seat->place);
}

/* If a thread serves the stream already, pass the data connection on to it.
 * Returns false if there is none. */
static bool
pass_offer_on(struct stream_worker *worker, const struct offer *offer)
{
	struct stream_news news = {
	    .data = worker->data, .rest_size = offer->size};

	/* Checked before malloc(), since a thread's first malloc() makes glibc
	 * allocate a cache for it. */
	if (!stream_directory_has(&worker->shared->streams, &offer->open.id))
		return false;
	news.rest = malloc(offer->size + 1);
	if (news.rest == NULL)
		return false;
	memcpy(news.rest, offer->buffer + offer->start, offer->size);
	if (!stream_directory_bring(
		&worker->shared->streams, &offer->open.id, NULL, &news)) {
		free(news.rest);
		return false;
	}
	worker->data = (struct transport)TRANSPORT_INITIALIZER;
	return true;
}

/* Accept an offer. Returns whether a stream has begun, which is to be served;
 * if not, the data connection is idle again, or closed. */
static bool
accept_offer(struct stream_worker *worker, const struct offer *offer)
{
	enum stream_fate fate;

	if (pass_offer_on(worker, offer))
		return false;
	fate = stream_tombstones_ask(
	    &worker->shared->tombstones, &offer->open.id, clock_now_ms());
	if (fate != STREAM_FATE_UNKNOWN) {
		answer_offer(worker, offer, fate);
		return false;
	}
	if (begin_stream(worker, offer))
		return true;
	transport_close(&worker->data);
	return false;
}

/* Read what has arrived on the idle data connection, and accept it. Returns as
 * accept_offer(). A function of its own, so that what it has on the stack is
 * gone while the stream is served. */
STACK_TRIM_APART static bool
take_offer(struct stream_worker *worker)
{
	struct offer offer = {.buffer = NULL};
	bool begins = false;

	if (read_offer(&worker->data, &offer) == ERROR_NONE)
		begins = accept_offer(worker, &offer);
	else
		transport_close(&worker->data);
	buffers_return(offer.buffer);
	return begins;
}

/* Wait for a visitor and serve it. Returns whether the data connection is idle
 * again. */
static bool
serve_once(struct stream_worker *worker)
{
	enum error error = await_offer(worker);

	atomic_fetch_sub(&worker->session->spares_now, 1);
	if (error) {
		transport_close(&worker->data);
	} else if (take_offer(worker)) {
		serve_worker(worker);
		finish_stream(worker);
	}
	return transport_is_open(&worker->data);
}

void
stream_worker_run(struct worker_shared *shared, struct worker_session *session,
    struct stream_seat *seat)
{
	struct stream_worker worker = {
	    .shared = shared, .session = session, .seat = seat};

	worker.data =
	    open_data(&worker, session, MESSAGE_STREAM, PROTOCOL_CONNECT_MS);
	if (!transport_is_open(&worker.data)) {
		atomic_fetch_sub(&session->spares_now, 1);
		atomic_store(
		    &session->spares_rest_ms, clock_now_ms() + REST_MS);
		return;
	}
	while (serve_once(&worker))
		atomic_fetch_add(&session->spares_now, 1);
}
