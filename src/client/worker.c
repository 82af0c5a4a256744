/* worker - see worker.h */
#include "client/worker.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/protocol_times.h"
#include "client/service.h"
#include "client/stream_worker.h"
#include "client/visit.h"
#include "net/sockopt.h"
#include "net/tcp.h"
#include "net/transport.h"
#include "os/stack_trim.h"
#include "relay/buffers.h"
#include "relay/pipes.h"
#include "stream/stream_retain.h"

/* Accept, and with it the answer to a Challenge, waits for the local service no
 * longer than this: both must reach the server within PROTOCOL_HANDSHAKE_MS. */
#define ACCEPT_DELAY_MS (PROTOCOL_HANDSHAKE_MS - 1000)
/* A data connection that has failed is dialled again at once, and then this
 * long after the previous attempt. */
#define REDIAL_REST_MS 500
/* After a spare has failed, none is opened for this long. */
#define SPARES_REST_MS 5000
/* After this long without a visitor, the client closes the additional spares.
 * */
#define SPARES_QUIET_MS 4000
/* How many visitors may be turned away at a time, one descriptor each. */
#define REFUSALS_MOST 8

/* What a worker starts with. */
struct order {
	struct worker_shared *shared;
	struct worker_session *session; /* a reference */
	union {
		/* A visitor that was announced, or of a spare. */
		struct {
			struct announcement announcement;
			struct served_visitor visitor;
		};
		/* A data connection that carries streams. */
		struct stream_seat seat;
	};
	/* There is no descriptor for the visitor: turn it away. */
	bool refuse;
	/* The worker is a spare: its visitor is not known yet. */
	bool is_spare;
	/* The roster expects the visitor (roster_expect()). */
	bool is_expected;
};

/* A worker that is connecting to the server and to the local service. */
struct worker {
	struct order *order;
	struct worker_shared *shared;
	struct worker_session *session;

	struct data_connection data;
	struct service service;
	/* The entry of the data connection. */
	struct roster_entry entry;
	bool is_entered;
	/* Why the visitor is not served, for people. */
	char reason[SERVICE_REASON_SIZE];
};

size_t
worker_order_size(void)
{
	return sizeof(struct order);
}

/* Why no more workers can be started, for people. */
static const char *
limit_reason(const struct worker_shared *shared)
{
	return budget_is_limited(shared->options->budget)
	           ? "as many as --max-visitors or memory allow are there"
	           : strerror(EMFILE);
}

/*
 * Tell the server which visitor the connection is for. Wait for the local
 * service first, but not longer than the server would wait for Accept.
 */
static enum error
accept_visitor(struct worker *worker)
{
	const struct message accept = {.kind = MESSAGE_ACCEPT,
	    .as.uuid = worker->order->announcement.uuid};

	if (!worker->order->refuse &&
	    service_wait(&worker->service, clock_now_ms() + ACCEPT_DELAY_MS) ==
		ERROR_STOPPED)
		return ERROR_STOPPED;
	return data_connection_say(&worker->data, &accept);
}

/* Leave the roster and close the data connection. */
static void
drop_data(struct worker *worker)
{
	if (worker->is_entered)
		roster_leave(worker->shared->roster, &worker->entry);
	worker->is_entered = false;
	data_connection_end(&worker->data);
}

/* Enter the data connection in the roster, so that a stop ends it. Returns
 * false if the stop has come already. */
static bool
enter_data(struct worker *worker)
{
	worker->is_entered =
	    roster_enter(worker->shared->roster, &worker->entry,
		transport_fd(&worker->data.transport), -1) > 0;
	return worker->is_entered;
}

/* Open the data connection and accept the visitor on it. */
static enum error
connect_data(struct worker *worker)
{
	enum error error =
	    data_connection_wait(&worker->data, &worker->service.dial);

	if (error)
		return error;
	if (!enter_data(worker))
		return ERROR_STOPPED;
	error = data_connection_authenticate(&worker->data);
	if (error == ERROR_NONE)
		error = accept_visitor(worker);
	return roster_interrupted(&worker->entry) ? ERROR_STOPPED : error;
}

/* Wait until REDIAL_REST_MS after since_ms. Returns whether to end. */
static bool
rest_since(const struct worker *worker, int64_t since_ms)
{
	struct pollfd slot = {.fd = worker->shared->stop_fd, .events = POLLIN};

	return poll(&slot, 1, clock_left_ms(since_ms + REDIAL_REST_MS)) == 1;
}

/* Connect to the server and accept the visitor. After a failure try again, at
 * once and then at intervals, while the visitor still waits. The local service
 * is dialled meanwhile. */
static enum error
reach_visitor(struct worker *worker)
{
	const struct served_visitor *visitor = &worker->order->visitor;
	int64_t begun_ms = visitor->start_ms;
	enum error error;

	data_connection_dial(&worker->data, PROTOCOL_CONNECT_MS);
	if (!worker->order->refuse)
		service_call(&worker->service);
	error = connect_data(worker);
	for (int i = 0; error != ERROR_NONE && error != ERROR_STOPPED; i++) {
		if (!data_connection_tries_again(
			clock_now_ms(), atomic_load(&visitor->announced_ms)))
			break;
		log_debug("%s; again", worker->data.reason);
		drop_data(worker);
		if (i > 0 && rest_since(worker, begun_ms))
			return ERROR_STOPPED;
		begun_ms = clock_now_ms();
		data_connection_dial(&worker->data, PROTOCOL_CONNECT_AGAIN_MS);
		error = connect_data(worker);
	}
	if (error)
		snprintf(worker->reason, sizeof worker->reason, "%s",
		    worker->data.reason);
	return error;
}

/* Wait for the local service. */
static enum error
reach_service(struct worker *worker)
{
	const struct client_options *options = worker->shared->options;
	enum error error;

	if (worker->order->refuse) {
		snprintf(worker->reason, sizeof worker->reason,
		    "the limit of %u visitors is reached: %s",
		    budget_most(options->budget) / BUDGET_VISITOR,
		    limit_reason(worker->shared));
		return ERROR_RESOURCES;
	}
	error = service_reach(&worker->service, &worker->data.transport,
	    worker->order->visitor.start_ms, options->local_retry_ms);
	if (error)
		service_reason(&worker->service, worker->reason);
	return error;
}

/* Take over the connections, and what arrived behind the last frame. */
static enum error
begin_visit(struct worker *worker, struct visit *visit)
{
	const char *early =
	    channel_rest(&worker->data.channel, &visit->early_size);

	worker_warn_of_loop(worker->session, &worker->service.dial.peer,
	    transport_fd(&worker->data.transport));
	visit->roster = worker->shared->roster;
	visit->served = &worker->shared->served;
	visit->carried = &worker->session->carried;
	visit->announcement = &worker->order->announcement;
	visit->start_ms = worker->order->visitor.start_ms;
	visit->local = worker->service.dial.peer;
	visit->early = buffers_copy(early, visit->early_size);
	if (visit->early == NULL && visit->early_size > 0)
		return ERROR_MEMORY;
	visit->data = worker->data.transport;
	worker->data.transport = (struct transport)TRANSPORT_INITIALIZER;
	visit->service = service_take(&worker->service);
	sockopt_prepare(
	    transport_fd(&visit->service), &sockopt_keepalive_proxied);
	/* From here on the visitor is entered as a proxied connection. */
	worker->order->is_expected = false;
	return ERROR_NONE;
}

/* Say on an authenticated data connection that it is a spare. */
static enum error
offer_spare(struct worker *worker)
{
	const struct message spare = {
	    .kind = MESSAGE_SPARE, .as.uuid = worker->session->key};
	enum error error = data_connection_authenticate(&worker->data);

	return error ? error : data_connection_say(&worker->data, &spare);
}

/* The spare has a visitor, which the drain of a stop waits for from here on. */
static void
expect_visitor(struct worker *worker)
{
	struct served_visitor *visitor = &worker->order->visitor;

	worker->order->is_expected = true;
	roster_expect(worker->shared->roster);
	visitor->uuid = worker->order->announcement.uuid;
	visitor->start_ms = clock_now_ms();
	atomic_store(&visitor->announced_ms, visitor->start_ms);
	atomic_store(&worker->session->visitor_ms, visitor->start_ms);
}

/* Tell the server that this worker serves the visitor. */
static enum error
take_visitor(struct worker *worker)
{
	const struct message taken = {.kind = MESSAGE_TAKEN};

	if (!served_visitors_enter(
		&worker->shared->served, &worker->order->visitor))
		return ERROR_STOPPED;
	return data_connection_say(&worker->data, &taken);
}

/* While it is a spare, the worker is in the roster of its session's spares. It
 * leaves that roster before it takes a visitor: a visitor that was taken is
 * served even if the session ends, and one that was not will be announced on
 * the next session. */
static enum error
be_spare(struct worker *worker)
{
	struct roster *spares = &worker->session->spares;
	struct roster_entry entry;
	enum error error;

	if (!roster_enter(
		spares, &entry, transport_fd(&worker->data.transport), -1))
		return ERROR_STOPPED;
	error = offer_spare(worker);
	if (error == ERROR_NONE)
		error = data_connection_await_visitor(
		    &worker->data, &worker->order->announcement);
	if (error == ERROR_NONE)
		expect_visitor(worker);
	roster_leave(spares, &entry);
	if (roster_interrupted(&entry))
		error = ERROR_STOPPED;
	if (error)
		return error;
	/* The server closes the spare if the visitor has already left, which
	 * says nothing about other spares. */
	return take_visitor(worker) ? ERROR_STOPPED : ERROR_NONE;
}

/* Whether so many spares are missing that other threads have to be woken to
 * open more. Most are opened by workers that have finished. */
static bool
are_spares_low(struct worker_session *session)
{
	unsigned wanted = atomic_load(&session->spares_wanted);

	return atomic_load(&session->spares_now) < wanted - wanted / 4;
}

/* The spare has a visitor: start to dial the local service. */
static enum error
call_for_visitor(struct worker *worker)
{
	service_call(&worker->service);
	if (are_spares_low(worker->session))
		worker_tend_spares(worker->shared, worker->session);
	return enter_data(worker) ? ERROR_NONE : ERROR_STOPPED;
}

/*
 * Open a data connection ahead of need, and wait for a visitor on it. A failure
 * is not logged, and ERROR_STOPPED is returned: if there was a visitor, it is
 * announced on the control connection.
 */
static enum error
reach_as_spare(struct worker *worker)
{
	struct worker_session *session = worker->session;
	enum error error;

	data_connection_dial(&worker->data, PROTOCOL_CONNECT_MS);
	error = data_connection_wait(&worker->data, &worker->service.dial);
	if (error == ERROR_NONE) {
		atomic_store(&session->is_near,
		    tcp_is_near(transport_fd(&worker->data.transport)));
		error = be_spare(worker);
	}
	atomic_fetch_sub(&session->spares_now, 1);
	if (error == ERROR_NONE)
		return call_for_visitor(worker);
	/* a server that is short of descriptors closes spares */
	if (error != ERROR_STOPPED)
		atomic_store(
		    &session->spares_rest_ms, clock_now_ms() + SPARES_REST_MS);
	log_debug("a spare has ended: %s", error_text(error));
	return ERROR_STOPPED;
}

static enum error
go_both_ways(struct worker *worker, struct visit *visit)
{
	struct order *order = worker->order;
	enum error error =
	    order->is_spare ? reach_as_spare(worker) : reach_visitor(worker);

	if (error == ERROR_NONE)
		error = reach_service(worker);
	served_visitors_leave(
	    &worker->shared->served, &order->visitor, error == ERROR_NONE);
	if (error == ERROR_NONE)
		error = begin_visit(worker, visit);
	if (error == ERROR_NONE)
		return ERROR_NONE;
	/* By a reset the visitor learns that it is not served. */
	if (transport_is_open(&worker->data.transport))
		transport_reset(&worker->data.transport);
	if (error != ERROR_STOPPED)
		worker_warn_of_failure(worker->shared, worker->reason);
	return error;
}

/* Connect to the server and to the local service. */
STACK_TRIM_APART static enum error
approach(struct order *order, struct visit *visit)
{
	struct worker_shared *shared = order->shared;
	struct worker worker;
	enum error error;

	worker.order = order;
	worker.shared = shared;
	worker.session = order->session;
	worker.is_entered = false;
	worker.reason[0] = '\0';
	data_connection_init(
	    &worker.data, &order->session->server, shared->stop_fd);
	service_init(&worker.service, &shared->options->local, shared->local,
	    shared->stop_fd);
	error = go_both_ways(&worker, visit);
	drop_data(&worker);
	service_end(&worker.service);
	if (order->is_expected)
		roster_arrive(shared->roster);
	return error;
}

/* announcement: NULL: the visitor is not known yet. */
static struct order *
create_order(struct worker_shared *shared, struct worker_session *session,
    const struct announcement *announcement)
{
	struct order *order = object_cache_take(&shared->orders);

	if (order == NULL)
		return NULL;
	memset(order, 0, sizeof *order);
	order->shared = shared;
	order->session = session;
	order->is_spare = announcement == NULL;
	if (announcement != NULL) {
		order->announcement = *announcement;
		order->visitor.uuid = announcement->uuid;
	}
	order->visitor.start_ms = clock_now_ms();
	atomic_init(&order->visitor.announced_ms, order->visitor.start_ms);
	return order;
}

/* Count one more spare, if one is wanted (or anyway) and may be opened now.
 * Returns its order, or NULL: not counted. */
static struct order *
order_spare(
    struct worker_shared *shared, struct worker_session *session, bool anyway)
{
	unsigned wanted = atomic_load(&session->spares_wanted);
	struct order *order = NULL;

	if (!anyway &&
	    (clock_now_ms() < atomic_load(&session->spares_rest_ms) ||
		!budget_is_ample(shared->options->budget)))
		return NULL;
	if (atomic_fetch_add(&session->spares_now, 1) < wanted || anyway)
		order = create_order(shared, session, NULL);
	if (order == NULL)
		atomic_fetch_sub(&session->spares_now, 1);
	return order;
}

/* A worker that is done with a visitor becomes a spare at once if one is
 * missing, so that no other thread has to be woken for that. */
static void
work_on(void *argument)
{
	struct order *order = argument;
	struct worker_shared *shared = order->shared;
	struct worker_session *session = order->session;

	while (order != NULL) {
		struct visit visit;
		enum error error = approach(order, &visit);

		if (error == ERROR_NONE)
			visit_run(&visit);
		object_cache_give(&shared->orders, order);
		order = error ? NULL : order_spare(shared, session, false);
	}
	worker_session_release(session);
	budget_give(shared->options->budget, BUDGET_VISITOR);
}

/* The same for a data connection that carries streams. A function of its own, as
 * it has less on the stack. */
static void
work_on_streams(void *argument)
{
	struct order *order = argument;
	struct worker_shared *shared = order->shared;
	struct worker_session *session = order->session;

	stream_worker_run(shared, session, &order->seat);
	object_cache_give(&shared->orders, order);
	worker_session_release(session);
	budget_give(shared->options->budget, BUDGET_VISITOR);
}

static bool
carries_streams(const struct order *order)
{
	return order->is_spare && order->session->resume_ms > 0;
}

/* Give the order to a thread, if there may be one more. An announced visitor may
 * be beyond the limit, as it is turned away by its thread. Returns an error with
 * errno. */
static enum error
start_thread(struct order *order)
{
	struct worker_shared *shared = order->shared;
	struct budget *budget = shared->options->budget;
	unsigned most_excess =
	    carries_streams(order) ? 0 : REFUSALS_MOST * BUDGET_VISITOR;
	enum error error = ERROR_RESOURCES;

	if (!budget_force(budget, BUDGET_VISITOR))
		pipes_shed();
	order->refuse = budget_excess(budget, 0) > 0;
	errno = EMFILE;
	if (budget_excess(budget, 0) <= most_excess)
		error = thread_pool_run(shared->threads,
		    carries_streams(order) ? work_on_streams : work_on, order);
	if (error)
		budget_give(budget, BUDGET_VISITOR);
	return error;
}

/* A visitor found no spare, so double their number, unless the server is near:
 * then a visitor can do without one, at a lower cost. */
static void
want_more_spares(struct worker_session *session)
{
	unsigned most = atomic_load(&session->spares_most);
	unsigned wanted = 2 * atomic_load(&session->spares_wanted);

	atomic_store(&session->visitor_ms, clock_now_ms());
	if (!atomic_load(&session->is_near))
		atomic_store(
		    &session->spares_wanted, wanted < most ? wanted : most);
}

/* anyway: beyond what is wanted. Returns whether one was started. */
static bool
start_spare(
    struct worker_shared *shared, struct worker_session *session, bool anyway)
{
	struct order *order = order_spare(shared, session, anyway);

	if (order == NULL)
		return false;
	atomic_fetch_add(&session->references, 1);
	if (start_thread(order) == ERROR_NONE)
		return true;
	atomic_fetch_sub(&session->spares_now, 1);
	worker_session_release(session);
	object_cache_give(&shared->orders, order);
	return false;
}

void
worker_grant_spares(struct worker_shared *shared,
    struct worker_session *session, unsigned most, const struct uuid *key)
{
	unsigned wanted;

	if (atomic_load(&session->spares_most) != 0)
		return;
	session->key = *key; /* before any spare is opened */
	if (most > WORKER_SPARES_MOST)
		most = WORKER_SPARES_MOST;
	wanted =
	    shared->options->spares < most ? shared->options->spares : most;
	atomic_store(&session->spares_most, most);
	atomic_store(&session->spares_wanted, wanted);
	worker_tend_spares(shared, session);
}

void
worker_tend_spares(struct worker_shared *shared, struct worker_session *session)
{
	unsigned base = shared->options->spares;
	unsigned now = atomic_load(&session->spares_now);
	unsigned wanted = atomic_load(&session->spares_wanted);
	/* Only the server closes what carries streams: OPEN may be on its
	 * way. */
	bool is_quiet = session->resume_ms == 0 &&
	                clock_now_ms() - atomic_load(&session->visitor_ms) >
	                    SPARES_QUIET_MS;

	if (wanted > base && is_quiet) {
		atomic_store(&session->spares_wanted, base);
		wanted = base;
	}
	for (; now > wanted && is_quiet; now--)
		roster_interrupt_oldest(&session->spares);
	while (atomic_load(&session->spares_now) < wanted)
		if (!start_spare(shared, session, false))
			return;
}

unsigned
worker_dial(struct worker_shared *shared, struct worker_session *session,
    unsigned count)
{
	unsigned opened = 0;

	if (session->resume_ms == 0 || atomic_load(&session->spares_most) == 0)
		return 0;
	errno = ENOMEM;
	/* Beyond what is wanted: they have a visitor at once. */
	while (opened < count && start_spare(shared, session, true))
		opened++;
	if (opened < count)
		worker_warn_of_failure(shared,
		    errno == EMFILE ? limit_reason(shared) : strerror(errno));
	return count - opened;
}

void
worker_tidy(struct worker_shared *shared)
{
	stream_retain_tidy();
	thread_pool_tidy(shared->threads);
	object_cache_tidy(&shared->orders);
	buffers_tidy();
	pipes_tidy();
}

void
worker_end_spares(struct worker_session *session)
{
	atomic_store(&session->spares_most, 0);
	atomic_store(&session->spares_wanted, 0);
	roster_interrupt_all(&session->spares);
}

void
worker_start(struct worker_shared *shared, struct worker_session *session,
    const struct announcement *announcement)
{
	struct order *order = create_order(shared, session, announcement);
	enum error error;

	if (order == NULL) {
		worker_warn_of_failure(shared, error_text(ERROR_MEMORY));
		return;
	}
	if (!served_visitors_enter(&shared->served, &order->visitor)) {
		object_cache_give(&shared->orders, order);
		return;
	}
	want_more_spares(session);
	atomic_fetch_add(&session->references, 1);
	/* A drain waits for it, also while its thread has not started. */
	order->is_expected = true;
	roster_expect(shared->roster);
	error = start_thread(order);
	if (error == ERROR_NONE)
		return;
	roster_arrive(shared->roster);
	if (error == ERROR_RESOURCES)
		worker_warn_of_failure(shared,
		    errno == EMFILE ? limit_reason(shared) : strerror(errno));
	served_visitors_leave(&shared->served, &order->visitor, false);
	worker_session_release(session);
	object_cache_give(&shared->orders, order);
}
