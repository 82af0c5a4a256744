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
#include "os/stack_trim.h"
#include "relay/buffers.h"
#include "relay/relay_stream.h"

/* After this long a silence, the thread prepares for a long wait. */
#define IDLE_MS 200
/* How often to look for news if nothing wakes the thread. */
#define LOOK_MS 500
/* How often to check whether the service's name has been looked up. */
#define LOOKUP_MS 10
/* After a data connection has failed, none is opened ahead of need for this
 * long. */
#define REST_MS 5000
/* The slots of poll(): those of the relay, of news, and of the dial of the
 * service. */
#define NEWS_SLOT  RELAY_STREAM_SLOTS
#define DIAL_SLOT  (NEWS_SLOT + 1)
#define SLOTS_MOST (DIAL_SLOT + DIAL_SLOTS)

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
	struct stream_entry entry;
	struct roster_entry place;
	/* NULL once the service is connected or has failed. */
	struct service *service;
	struct address local; /* of the service */
	int64_t start_ms;
	int64_t call_ms; /* when to dial the service again; CLOCK_NEVER */
	int news_fd;
	bool is_listed;
	bool is_stopped;
	bool is_interrupted;
	bool is_trimmed;
	/* Keepalive of the service's socket has not been set yet: most visitors
	 * are served before any of it would be due. */
	bool wants_keepalive;
};

/* --- The idle data connection */

/* Open a data connection, and say what it is for. Returns no transport on
 * failure. */
static struct transport
open_data(struct worker_shared *shared, struct worker_session *session,
    enum message_kind kind, uint32_t timeout_ms)
{
	const struct message what = {.kind = kind, .as.uuid = session->key};
	struct data_connection connection;
	struct transport data = TRANSPORT_INITIALIZER;
	struct dial none;
	enum error error;

	dial_none(&none);
	data_connection_init(&connection, &session->server, shared->stop_fd);
	data_connection_dial(&connection, timeout_ms);
	error = data_connection_wait(&connection, &none);
	if (error == ERROR_NONE)
		error = data_connection_authenticate(&connection);
	if (error == ERROR_NONE)
		error = data_connection_say(&connection, &what);
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
await_offer(struct stream_worker *worker, struct offer *offer)
{
	struct roster *spares = &worker->session->spares;
	struct pollfd slot = transport_poll(&worker->data, POLLIN);
	struct roster_entry entry;
	int ready;

	if (!roster_enter(spares, &entry, slot.fd, -1))
		return ERROR_STOPPED;
	ready = poll(&slot, 1, IDLE_MS);
	if (ready == 0)
		stack_trim();
	while (ready <= 0)
		ready = poll(&slot, 1, -1);
	roster_leave(spares, &entry);
	if (roster_interrupted(&entry))
		return ERROR_STOPPED;
	return read_offer(&worker->data, offer);
}

/* --- A stream */

static void
leave_stream_socket(void *owner, bool is_end)
{
	struct stream_worker *worker = owner;

	if (!is_end && worker->is_listed)
		worker->news_fd =
		    stream_directory_watch(&worker->shared->streams,
			&worker->entry, -1, worker->relay.stream.attempt);
	roster_set(worker->shared->roster, &worker->place, is_end ? 1 : 0, -1);
}

static void
watch_stream_data(struct stream_worker *worker)
{
	int fd = transport_fd(&worker->relay.data);

	if (fd == -1)
		return;
	roster_set(worker->shared->roster, &worker->place, 0, fd);
	stream_directory_watch(&worker->shared->streams, &worker->entry, fd,
	    worker->relay.stream.attempt);
	worker->news_fd = -1;
	worker->is_trimmed = false;
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
	    .window_most = stream_window_most(rtt_ms, 0),
	};
}

static void
init_relay(struct stream_worker *worker, const struct offer *offer)
{
	struct relay_stream *relay = &worker->relay;

	relay->id = offer->open.id;
	relay->open = NULL;
	relay->let_go = leave_stream_socket;
	relay->owner = worker;
	relay->entry = &worker->place;
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

	worker->service = object_cache_take(&shared->services);
	if (worker->service == NULL)
		return false;
	if (!roster_enter(shared->roster, &worker->place,
		transport_fd(&worker->data), -1)) {
		object_cache_give(&shared->services, worker->service);
		return false;
	}
	worker->entry.id = offer->open.id;
	worker->entry.principal = NULL;
	worker->entry.group = NULL;
	atomic_init(&worker->entry.heard_ms, clock_now_ms());
	if (!stream_directory_enter(&shared->streams, &worker->entry)) {
		roster_leave(shared->roster, &worker->place);
		object_cache_give(&shared->services, worker->service);
		return false;
	}
	worker->is_listed = true;
	worker->is_stopped = worker->is_interrupted = false;
	worker->is_trimmed = false;
	worker->wants_keepalive = false;
	worker->call_ms = CLOCK_NEVER;
	worker->local.length = 0;
	worker->start_ms = clock_now_ms();
	atomic_store(&worker->session->visitor_ms, worker->start_ms);
	stream_init_client(
	    &worker->relay.stream, &options, 1, &offer->head, worker->start_ms);
	init_relay(worker, offer);
	watch_stream_data(worker);
	service_init(worker->service, &shared->options->local, shared->local,
	    shared->stop_fd);
	service_call(worker->service);
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
	object_cache_give(&worker->shared->services, worker->service);
	worker->service = NULL;
}

static void
take_service(struct stream_worker *worker)
{
	struct transport end = service_take(worker->service);

	worker->local = worker->service->dial.peer;
	release_service(worker);
	worker_warn_of_loop(
	    worker->session, &worker->local, transport_fd(&worker->relay.data));
	sockopt_hurry(transport_fd(&end));
	worker->wants_keepalive = true;
	worker->is_trimmed = false;
	/* If this process is killed, the service must get a reset and not an
	 * end of file. */
	transport_reset(&end);
	roster_set(
	    worker->shared->roster, &worker->place, 1, transport_fd(&end));
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
static void
tend_service(struct stream_worker *worker)
{
	struct service *service = worker->service;
	int64_t now_ms = clock_now_ms();

	if (worker->service == NULL)
		return;
	if (worker->call_ms != CLOCK_NEVER) {
		if (now_ms < worker->call_ms)
			return;
		worker->call_ms = CLOCK_NEVER;
		service_call(service);
	}
	if (!service_step(service))
		return;
	if (service_is_connected(service))
		take_service(worker);
	else if (service_tries_again(now_ms, worker->start_ms,
		     worker->shared->options->local_retry_ms))
		worker->call_ms = now_ms + SERVICE_REST_MS;
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
	*due_ms = clock_earlier(*due_ms, worker->call_ms);
	if (worker->call_ms != CLOCK_NEVER)
		return 0;
	if (worker->service->is_looking_up)
		*due_ms = clock_earlier(*due_ms, clock_now_ms() + LOOKUP_MS);
	return dial_poll(&worker->service->dial, slots, due_ms);
}

static int
worker_wait_ms(const struct stream_worker *worker, const struct pollfd *slots,
    int64_t due_ms)
{
	int left_ms = clock_left_ms(due_ms);

	if (!worker->is_trimmed && (left_ms == -1 || left_ms > IDLE_MS))
		return IDLE_MS;
	if (left_ms != -1 && left_ms < LOOK_MS)
		return left_ms;
	return relay_stream_is_wakeable(slots) && worker->news_fd == -1
	           ? left_ms
	           : LOOK_MS;
}

static void
prepare_for_long_wait(struct stream_worker *worker)
{
	if (worker->wants_keepalive && transport_is_open(&worker->relay.end))
		sockopt_set_keepalive(transport_fd(&worker->relay.end),
		    &sockopt_keepalive_proxied);
	worker->wants_keepalive = false;
	stack_trim();
	worker->is_trimmed = true;
}

static void
await_stream_events(
    struct stream_worker *worker, struct pollfd relay_slots[RELAY_STREAM_SLOTS])
{
	struct pollfd slots[SLOTS_MOST];
	int64_t due_ms = relay_stream_due_ms(&worker->relay);
	unsigned count = DIAL_SLOT;
	int ready;

	relay_stream_poll(&worker->relay, slots);
	slots[NEWS_SLOT] =
	    (struct pollfd){.fd = worker->news_fd, .events = POLLIN};
	count += poll_service(worker, slots + DIAL_SLOT, &due_ms);
	ready = poll(slots, count, worker_wait_ms(worker, slots, due_ms));
	if (ready == 0 && !worker->is_trimmed)
		prepare_for_long_wait(worker);
	memcpy(relay_slots, slots, RELAY_STREAM_SLOTS * sizeof slots[0]);
	if (ready <= 0)
		relay_slots[0].revents = relay_slots[1].revents = 0;
}

static void
take_worker_news(struct stream_worker *worker)
{
	struct stream_news news;

	if (!stream_directory_take(
		&worker->shared->streams, &worker->entry, &news))
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
	    worker->shared, session, MESSAGE_RESUME, PROTOCOL_CONNECT_AGAIN_MS);

	worker_session_release(session);
	if (transport_is_open(&data))
		adopt_data(worker, data,
		    (struct stream_event){.kind = STREAM_EVENT_DIALLED});
	else
		relay_stream_step(&worker->relay,
		    (struct stream_event){.kind = STREAM_EVENT_DIAL_FAILED});
}

static void
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
	worker->is_trimmed = false;
	atomic_store_explicit(
	    &worker->entry.heard_ms, clock_now_ms(), memory_order_relaxed);
	if (relay_stream_to_end(&worker->relay) > 0)
		atomic_store_explicit(
		    &worker->session->carried, true, memory_order_relaxed);
}

static void
serve_worker(struct stream_worker *worker)
{
	struct relay_stream *relay = &worker->relay;
	struct pollfd slots[RELAY_STREAM_SLOTS] = {{.fd = -1}, {.fd = -1}};

	tend_service(worker);
	relay_stream_serve(relay, slots);
	do_worker_actions(worker);
	while (!relay_stream_is_over(relay)) {
		await_stream_events(worker, slots);
		take_worker_news(worker);
		if (!worker->is_stopped && roster_interrupted(&worker->place)) {
			worker->is_stopped = true;
			relay_stream_step(relay,
			    (struct stream_event){.kind = STREAM_EVENT_STOP});
		}
		tend_service(worker);
		relay_stream_serve(relay, slots);
		note_server_life(worker);
		do_worker_actions(worker);
	}
}

STACK_TRIM_APART static void
log_stream(const struct stream_worker *worker)
{
	char uuid[UUID_TEXT_SIZE];
	char local[ADDRESS_TEXT_SIZE];
	const char *ending = ", reset";

	if (worker->local.length == 0)
		return; /* the reason was logged */
	if (worker->relay.stream.fate == STREAM_FATE_FINISHED)
		ending = "";
	else if (worker->is_stopped)
		ending = ", cut off by our stop";
	uuid_print(&worker->relay.id, uuid);
	address_print(&worker->local, local);
	log_info("visitor %.8s to %s: %.1f s, %llu bytes in, %llu bytes out%s",
	    uuid, local, (double)(clock_now_ms() - worker->start_ms) / 1000,
	    (unsigned long long)relay_stream_to_end(&worker->relay),
	    (unsigned long long)relay_stream_from_end(&worker->relay), ending);
}

/* Leave everywhere, and close what is left. */
static void
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
	stream_directory_leave(&shared->streams, &worker->entry);
	worker->is_listed = false;
	worker->data = relay_stream_part(&worker->relay);
	relay_stream_destroy(&worker->relay);
	release_service(worker);
	roster_leave(shared->roster, &worker->place);
	log_stream(worker);
}

/* --- An offer */

static void
forget_worker_socket(void *owner, bool is_end)
{
	(void)owner;
	(void)is_end;
}

/* Answer OPEN for a stream that has ended. */
static void
answer_offer(struct stream_worker *worker, const struct offer *offer,
    enum stream_fate fate)
{
	struct stream_options options =
	    worker_options(worker, offer->open.resume_ms);
	struct pollfd slots[RELAY_STREAM_SLOTS] = {{.fd = -1}, {.fd = -1}};
	struct relay_stream *relay = &worker->relay;

	stream_init_answer(
	    &relay->stream, &options, fate, 0, 1, clock_now_ms());
	relay->id = offer->open.id;
	relay->let_go = forget_worker_socket;
	relay->owner = NULL;
	relay->entry = NULL;
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
}

/* If a thread serves the stream already, pass the data connection on to it.
 * Returns false if there is none. */
static bool
pass_offer_on(struct stream_worker *worker, const struct offer *offer)
{
	struct stream_news news = {
	    .data = worker->data, .rest_size = offer->size};

	/* before malloc(), which reserves memory for each thread that calls it
	 * */
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

static void
give_buffer_back(struct offer *offer)
{
	buffers_return(offer->buffer);
	offer->buffer = NULL;
}

/* Serve an offer. Afterwards the data connection is idle again, or closed. */
static void
serve_offer(struct stream_worker *worker, struct offer *offer)
{
	enum stream_fate fate;

	if (pass_offer_on(worker, offer))
		return;
	fate = stream_tombstones_ask(
	    &worker->shared->tombstones, &offer->open.id, clock_now_ms());
	if (fate != STREAM_FATE_UNKNOWN) {
		answer_offer(worker, offer, fate);
		return;
	}
	if (!begin_stream(worker, offer)) {
		transport_close(&worker->data);
		return;
	}
	give_buffer_back(offer);
	serve_worker(worker);
	finish_stream(worker);
}

/* Wait for a visitor and serve it. Returns whether the data connection is idle
 * again. */
STACK_TRIM_APART static bool
serve_once(struct stream_worker *worker)
{
	struct worker_session *session = worker->session;
	struct offer offer = {.buffer = NULL};
	enum error error = await_offer(worker, &offer);

	atomic_fetch_sub(&session->spares_now, 1);
	if (error == ERROR_NONE)
		serve_offer(worker, &offer);
	else
		transport_close(&worker->data);
	give_buffer_back(&offer);
	return transport_is_open(&worker->data);
}

void
stream_worker_run(struct worker_shared *shared, struct worker_session *session)
{
	struct stream_worker worker = {.shared = shared, .session = session};

	worker.data =
	    open_data(shared, session, MESSAGE_STREAM, PROTOCOL_CONNECT_MS);
	if (!transport_is_open(&worker.data)) {
		atomic_fetch_sub(&session->spares_now, 1);
		atomic_store(
		    &session->spares_rest_ms, clock_now_ms() + REST_MS);
		return;
	}
	while (serve_once(&worker))
		atomic_fetch_add(&session->spares_now, 1);
}
