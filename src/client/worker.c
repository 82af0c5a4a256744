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
#include "base/patience.h"
#include "base/protocol_times.h"
#include "base/secret.h"
#include "client/visit.h"
#include "net/dial.h"
#include "net/sockopt.h"
#include "net/tcp.h"
#include "net/transport.h"
#include "os/fd.h"
#include "os/stack_trim.h"
#include "relay/buffers.h"
#include "relay/pipes.h"
#include "wire/channel.h"

/* So long the answer to a challenge may wait for the local service: it must be at
 * the server in time. */
#define ACCEPT_DELAY_MS (PROTOCOL_HANDSHAKE_MS - 1000)
/* To reach the local service. */
#define LOCAL_MS 10000
/* A data connection that is begun so long after the announcement would be at the
 * server when the visitor is dropped. */
#define RETRY_WITHIN_MS (PROTOCOL_ACCEPT_MS - 1000)
/* From the second time on, so long after the last. */
#define RETRY_REST_MS 500
/* After one that failed, spares are not opened for so long. */
#define SPARES_REST_MS 5000
/* Without a visitor for so long, the client keeps only its few spares. */
#define SPARES_QUIET_MS 4000
/* A local service that does not answer is tried again so often. */
#define LOCAL_REST_MS 250
/* Visitors that are being turned away at a time, one descriptor each. */
#define REFUSALS_MOST 8

#define REASON_SIZE (ADDRESS_NAME_TEXT_SIZE + DIAL_TEXT_SIZE)

/* What a worker is started with. */
struct order {
	struct worker_context *context;
	struct worker_session *session; /* a reference */
	struct served_visitor visitor;
	/* There is no descriptor for it: turn the visitor away. */
	bool refuse;
	/* It waits for a visitor to come; its name is not known before. */
	bool is_spare;
};

/* A worker on its way to the visitor and to the local service. */
struct worker {
	struct order *order;
	struct worker_context *context;
	struct worker_session *session;

	struct dial data;
	/* The data connection, once it is dialled. */
	struct transport transport;
	struct dial local;
	struct resolve_list data_addresses;
	struct resolve_list local_addresses;
	struct roster_entry entry;
	bool entered;
	struct channel channel;
	/* Why it came to nothing, at last. */
	char reason[REASON_SIZE];
	/* Why the local service could not even be dialled; "": it could. */
	char local_reason[REASON_SIZE];
};

void
worker_context_init(struct worker_context *context)
{
	lock_init(&context->lock, LOCK_RANK_WORKER);
	memset(&context->told, 0, sizeof context->told);
	served_visitors_init(&context->served);
	object_cache_init(&context->orders, sizeof(struct order));
}

/* Why no more workers can be started, for people. */
static const char *
limit_reason(const struct worker_context *context)
{
	return budget_is_limited(context->budget)
	           ? "as many as --max-visitors or memory allow are there"
	           : strerror(EMFILE);
}

void
worker_context_destroy(struct worker_context *context)
{
	object_cache_destroy(&context->orders);
	served_visitors_destroy(&context->served);
	lock_destroy(&context->lock);
}

struct worker_session *
worker_session_create(const struct address *server, uint16_t public_port)
{
	struct worker_session *session = calloc(1, sizeof *session);

	if (session == NULL)
		return NULL;
	session->server = *server;
	session->public_port = public_port;
	atomic_flag_clear(&session->warned_of_loop);
	atomic_init(&session->references, 1);
	atomic_init(&session->carried, false);
	roster_init(&session->spares);
	return session;
}

void
worker_session_release(struct worker_session *session)
{
	if (session == NULL || atomic_fetch_sub(&session->references, 1) != 1)
		return;
	roster_destroy(&session->spares);
	free(session);
}

/* Warn of a visitor that was not served; the same reason once in a while. */
static void
warn(struct worker_context *context, const char *reason)
{
	char more[REPEAT_MORE_SIZE];
	bool due;

	lock_take(&context->lock);
	due = repeat_due(&context->told, reason, clock_now_ms(), more);
	lock_give(&context->lock);
	if (due)
		log_warning("visitor turned away: %s%s", reason, more);
}

/* Of the control connection: that of a new one is not known. */
static uint32_t
rtt_of(const struct worker *worker)
{
	return atomic_load(&worker->session->rtt_ms);
}

/* The deadline for what the server is to send, or take, next. */
static int64_t
answer_by(const struct worker *worker)
{
	return clock_now_ms() +
	       patience_answer_ms(PROTOCOL_HANDSHAKE_MS, rtt_of(worker));
}

static void
dial_server(struct worker *worker, uint32_t timeout_ms)
{
	worker->data_addresses.addresses[0] = worker->session->server;
	worker->data_addresses.count = 1;
	dial_start(&worker->data, &worker->data_addresses,
	    clock_now_ms() + patience_answer_ms(timeout_ms, rtt_of(worker)));
}

static void
dial_local(struct worker *worker)
{
	struct worker_context *context = worker->context;
	char name[ADDRESS_NAME_TEXT_SIZE];
	const char *why;
	enum error error;

	dial_none(&worker->local);
	worker->local_reason[0] = '\0';
	if (worker->order->refuse)
		return;
	error = resolve_lookup(context->local,
	    clock_now_ms() + PROTOCOL_HANDSHAKE_MS, &worker->local_addresses,
	    &why);
	if (error == ERROR_NONE) {
		dial_start(&worker->local, &worker->local_addresses,
		    clock_now_ms() + LOCAL_MS);
		return;
	}
	address_name_print(&context->local_name, name);
	snprintf(worker->local_reason, sizeof worker->local_reason,
	    "local service %s: %s", name,
	    error == ERROR_NAME ? why : error_text(error));
}

/* Wait until the data connection stands, while the local one goes on. */
static enum error
finish_data(struct worker *worker)
{
	struct dial *const dials[] = {&worker->data, &worker->local};
	int stop_fd = worker->context->stop_fd;
	char text[DIAL_TEXT_SIZE];

	while (worker->data.state == DIAL_GOING) {
		unsigned count = worker->local.state == DIAL_GOING ? 2 : 1;

		if (dial_wait(dials, count, true, CLOCK_NEVER, stop_fd))
			return ERROR_STOPPED;
	}
	if (worker->data.state == DIAL_DONE) {
		worker->transport = transport_of(worker->data.fd);
		worker->data.fd = -1; /* ours now */
		return ERROR_NONE;
	}
	dial_reason(&worker->data, text);
	snprintf(worker->reason, sizeof worker->reason,
	    "cannot dial back to the server at %s", text);
	return ERROR_TIMEOUT;
}

/* Wait for the challenge and queue the answer, where there is a secret. */
static enum error
answer_challenge(struct worker *worker)
{
	struct keyring *keys = worker->context->keys;
	struct message message;
	struct auth_key key;
	enum error error;

	if (keys == NULL)
		return ERROR_NONE;
	error = channel_receive(&worker->channel, &message, answer_by(worker));
	if (error == ERROR_NONE && message.kind != MESSAGE_CHALLENGE)
		error = ERROR_PROTOCOL;
	if (error == ERROR_NONE && keyring_copy(keys, &key)) {
		error = auth_answer(&worker->channel, &key, &message.as.uuid);
		secret_wipe(&key, sizeof key);
	}
	if (error)
		snprintf(worker->reason, sizeof worker->reason,
		    "no challenge on the data connection: %s",
		    error_text(error));
	return error;
}

/*
 * Tell the server which visitor the connection is for. How the local service
 * answers is waited for, but not so long that the server loses patience.
 */
static enum error
accept_visitor(struct worker *worker)
{
	struct dial *const dials[] = {&worker->local};
	struct message message = {
	    .kind = MESSAGE_ACCEPT, .as.uuid = worker->order->visitor.uuid};
	enum error error;

	if (dial_wait(dials, 1, true, clock_now_ms() + ACCEPT_DELAY_MS,
		worker->context->stop_fd) == ERROR_STOPPED)
		return ERROR_STOPPED;
	error = channel_put(&worker->channel, &message);
	if (error == ERROR_NONE)
		error = channel_send(&worker->channel, NULL, answer_by(worker));
	if (error)
		snprintf(worker->reason, sizeof worker->reason,
		    "cannot accept on the data connection: %s",
		    error_text(error));
	return error;
}

/*
 * Rest before the local service is tried again. Returns an error when there is
 * no sense in it: the visitor has gone, or we are to end.
 */
static enum error
rest(struct worker *worker)
{
	struct pollfd slots[] = {
	    {.fd = worker->context->stop_fd, .events = POLLIN},
	    /* A reset shows without asking. */
	    transport_poll(&worker->transport, 0),
	};

	if (clock_now_ms() - worker->order->visitor.start_ms >=
	    worker->context->local_retry_ms)
		return ERROR_TIMEOUT;
	poll(slots, 2, LOCAL_REST_MS);
	if (slots[0].revents != 0)
		return ERROR_STOPPED;
	return slots[1].revents != 0 ? ERROR_RESET : ERROR_NONE;
}

/* Say why the local service was not reached. */
static void
tell_local_failure(struct worker *worker)
{
	char text[DIAL_TEXT_SIZE];

	if (worker->order->refuse) {
		snprintf(worker->reason, sizeof worker->reason,
		    "the limit of %u visitors is reached: %s",
		    budget_most(worker->context->budget) / BUDGET_VISITOR,
		    limit_reason(worker->context));
	} else if (worker->local_reason[0] != '\0') {
		snprintf(worker->reason, sizeof worker->reason, "%s",
		    worker->local_reason);
	} else {
		dial_reason(&worker->local, text);
		snprintf(worker->reason, sizeof worker->reason,
		    "cannot reach the local service at %s", text);
	}
}

/* Wait for the local service, and try it again as long as that is asked for. */
static enum error
finish_local(struct worker *worker)
{
	struct dial *const dials[] = {&worker->local};
	int stop_fd = worker->context->stop_fd;
	enum error error = ERROR_NONE;

	for (;;) {
		if (dial_wait(dials, 1, true, CLOCK_NEVER, stop_fd))
			return ERROR_STOPPED;
		if (worker->local.state == DIAL_DONE)
			return ERROR_NONE;
		tell_local_failure(worker);
		error = worker->order->refuse ? ERROR_RESOURCES : rest(worker);
		if (error)
			return error;
		dial_local(worker);
	}
}

/* Leave the roster and close the data connection. */
static void
drop_data(struct worker *worker)
{
	if (worker->entered)
		roster_leave(worker->context->roster, &worker->entry);
	worker->entered = false;
	transport_close(&worker->transport);
	dial_end(&worker->data);
}

/* Open the data connection and accept the visitor on it. */
static enum error
connect_data(struct worker *worker)
{
	enum error error = finish_data(worker);

	if (error)
		return error;
	sockopt_prepare(
	    transport_fd(&worker->transport), &sockopt_keepalive_proxied);
	channel_init(&worker->channel, worker->transport);
	worker->entered = roster_enter(worker->context->roster, &worker->entry,
			      transport_fd(&worker->transport), -1) > 0;
	if (!worker->entered)
		return ERROR_STOPPED;
	error = answer_challenge(worker);
	if (error == ERROR_NONE)
		error = accept_visitor(worker);
	return roster_interrupted(&worker->entry) ? ERROR_STOPPED : error;
}

/* Rest until so long after since_ms. Returns whether we are to end. */
static bool
rest_since(const struct worker *worker, int64_t since_ms)
{
	struct pollfd slot = {.fd = worker->context->stop_fd, .events = POLLIN};

	return poll(&slot, 1, clock_left_ms(since_ms + RETRY_REST_MS)) == 1;
}

/* The same, and again where it fails, at once and then now and then, while the
 * visitor still waits. */
static enum error
reach_visitor(struct worker *worker)
{
	int64_t begun_ms = worker->order->visitor.start_ms;
	enum error error;

	dial_server(worker, PROTOCOL_CONNECT_MS);
	dial_local(worker);
	error = connect_data(worker);
	for (int i = 0; error != ERROR_NONE && error != ERROR_STOPPED; i++) {
		int64_t now_ms = clock_now_ms();

		if (now_ms - atomic_load(&worker->order->visitor.announced_ms) >
		    RETRY_WITHIN_MS)
			break;
		log_debug("%s; again", worker->reason);
		drop_data(worker);
		if (i > 0 && rest_since(worker, begun_ms))
			return ERROR_STOPPED;
		begun_ms = clock_now_ms();
		dial_server(worker, PROTOCOL_CONNECT_AGAIN_MS);
		error = connect_data(worker);
	}
	return error;
}

/* Whether the local service has the address of the tunnel's public port. */
static bool
is_public_port(const struct worker *worker)
{
	const struct worker_session *session = worker->session;
	const struct address *local = &worker->local.peer;
	struct address own;

	if (address_port(local) != session->public_port)
		return false;
	if (address_same_host(local, &session->server))
		return true;
	/* The server is on this host, and listens on loopback too. */
	return address_is_loopback(local) &&
	       address_of_socket(transport_fd(&worker->transport), &own) &&
	       address_same_host(&own, &session->server);
}

/* A visitor that is passed on to the public port comes back as the next one. */
static void
warn_of_loop(struct worker *worker)
{
	char local[ADDRESS_TEXT_SIZE];

	if (!is_public_port(worker) ||
	    atomic_flag_test_and_set(&worker->session->warned_of_loop))
		return;
	address_print(&worker->local.peer, local);
	log_warning("the local service %s seems to be the tunnel's own public "
		    "port: unless the server has that elsewhere "
		    "(--bind-tunnels), each visitor comes back as another one; "
		    "check LOCAL_PORT and --port",
	    local);
}

/* Take the connections over, and what came behind the last frame. */
static enum error
begin_visit(struct worker *worker, struct visit *visit)
{
	const char *early = channel_rest(&worker->channel, &visit->early_size);

	warn_of_loop(worker);
	visit->roster = worker->context->roster;
	visit->served = &worker->context->served;
	visit->carried = &worker->session->carried;
	visit->uuid = worker->order->visitor.uuid;
	visit->start_ms = worker->order->visitor.start_ms;
	visit->local = worker->local.peer;
	visit->early = buffers_copy(early, visit->early_size);
	if (visit->early == NULL && visit->early_size > 0)
		return ERROR_MEMORY;
	visit->data = worker->transport;
	visit->service = transport_of(worker->local.fd);
	worker->transport = (struct transport)TRANSPORT_INITIALIZER;
	worker->local.fd = -1;
	sockopt_prepare(
	    transport_fd(&visit->service), &sockopt_keepalive_proxied);
	return ERROR_NONE;
}

/* Say on an authenticated data connection that it is a spare. */
static enum error
offer_spare(struct worker *worker)
{
	struct message message = {
	    .kind = MESSAGE_SPARE, .as.uuid = worker->session->key};
	enum error error = answer_challenge(worker);

	if (error == ERROR_NONE)
		error =
		    channel_send(&worker->channel, &message, answer_by(worker));
	return error;
}

/* Wait for a visitor to be named. */
static enum error
await_visitor(struct worker *worker)
{
	struct message message;
	enum error error =
	    channel_receive(&worker->channel, &message, CLOCK_NEVER);

	if (error)
		return error;
	if (message.kind != MESSAGE_CONNECTION)
		return ERROR_PROTOCOL;
	worker->order->visitor.uuid = message.as.uuid;
	return ERROR_NONE;
}

/* Say that we have the visitor: from here on it is ours. */
static enum error
take_visitor(struct worker *worker)
{
	const struct message taken = {.kind = MESSAGE_TAKEN};

	struct served_visitor *visitor = &worker->order->visitor;

	visitor->start_ms = clock_now_ms();
	atomic_store(&visitor->announced_ms, visitor->start_ms);
	atomic_store(&worker->session->visitor_ms, visitor->start_ms);
	if (!served_visitors_enter(&worker->context->served, visitor))
		return ERROR_STOPPED;
	return channel_send(&worker->channel, &taken, answer_by(worker));
}

/* While it is a spare, the worker is in the roster of its session's spares. It
 * leaves before it takes a visitor: one that is taken goes on when the session
 * ends, and one that is not will be announced on the next. */
static enum error
be_spare(struct worker *worker)
{
	struct worker_session *session = worker->session;
	struct roster_entry entry;
	enum error error;

	if (!roster_enter(
		&session->spares, &entry, transport_fd(&worker->transport), -1))
		return ERROR_STOPPED;
	error = offer_spare(worker);
	if (error == ERROR_NONE)
		error = await_visitor(worker);
	roster_leave(&session->spares, &entry);
	if (roster_interrupted(&entry))
		error = ERROR_STOPPED;
	if (error)
		return error;
	/* The server lets go of it when the visitor has left already: that says
	 * nothing against other spares. */
	return take_visitor(worker) ? ERROR_STOPPED : ERROR_NONE;
}

/* Whether so many are missing that others have to be woken to open more: most
 * are opened by workers that have finished. */
static bool
are_spares_low(struct worker_session *session)
{
	unsigned wanted = atomic_load(&session->spares_wanted);

	return atomic_load(&session->spares_kept) < wanted - wanted / 4;
}

/*
 * Open a data connection ahead of need, and wait for a visitor on it. Failures
 * are nobody's business: the visitor, if there was one, is announced.
 */
static enum error
reach_as_spare(struct worker *worker)
{
	struct worker_session *session = worker->session;
	enum error error;

	dial_none(&worker->local);
	dial_server(worker, PROTOCOL_CONNECT_MS);
	error = finish_data(worker);
	if (error == ERROR_NONE) {
		sockopt_prepare(transport_fd(&worker->transport),
		    &sockopt_keepalive_proxied);
		channel_init(&worker->channel, worker->transport);
		atomic_store(&session->is_near,
		    tcp_is_near(transport_fd(&worker->transport)));
		error = be_spare(worker);
	}
	atomic_fetch_sub(&session->spares_kept, 1);
	if (error == ERROR_NONE) {
		dial_local(worker);
		if (are_spares_low(session))
			worker_tend_spares(worker->context, session);
		worker->entered =
		    roster_enter(worker->context->roster, &worker->entry,
			transport_fd(&worker->transport), -1) > 0;
		return worker->entered ? ERROR_NONE : ERROR_STOPPED;
	}
	/* A server that is short of descriptors closes them. */
	if (error != ERROR_STOPPED)
		atomic_store(
		    &session->spares_rest_ms, clock_now_ms() + SPARES_REST_MS);
	log_debug("a spare has ended: %s", error_text(error));
	return ERROR_STOPPED;
}

static enum error
go(struct worker *worker, struct visit *visit)
{
	struct order *order = worker->order;
	enum error error =
	    order->is_spare ? reach_as_spare(worker) : reach_visitor(worker);

	if (error == ERROR_NONE)
		error = finish_local(worker);
	served_visitors_leave(
	    &worker->context->served, &order->visitor, error == ERROR_NONE);
	if (error == ERROR_NONE)
		error = begin_visit(worker, visit);
	if (error == ERROR_NONE)
		return ERROR_NONE;
	/* The visitor learns by a reset that nobody serves it. */
	if (transport_is_open(&worker->transport))
		transport_reset(&worker->transport);
	if (error != ERROR_STOPPED)
		warn(worker->context, worker->reason);
	return error;
}

/* Get to the visitor and to the local service. */
STACK_TRIM_APART static enum error
approach(struct order *order, struct visit *visit)
{
	struct worker worker = {.order = order,
	    .context = order->context,
	    .session = order->session,
	    .data = {.fd = -1},
	    .transport = TRANSPORT_INITIALIZER,
	    .local = {.fd = -1}};
	enum error error = go(&worker, visit);

	drop_data(&worker);
	dial_end(&worker.local);
	return error;
}

static struct order *
create(struct worker_context *context, struct worker_session *session,
    const struct uuid *uuid)
{
	struct order *order = object_cache_take(&context->orders);

	if (order == NULL)
		return NULL;
	memset(order, 0, sizeof *order);
	order->context = context;
	order->session = session;
	order->is_spare = uuid == NULL;
	if (uuid != NULL)
		order->visitor.uuid = *uuid;
	order->visitor.start_ms = clock_now_ms();
	atomic_init(&order->visitor.announced_ms, order->visitor.start_ms);
	return order;
}

/* Count one more spare, where one is wanted and may be opened now. Returns its
 * order; NULL: not counted. */
static struct order *
order_spare(struct worker_context *context, struct worker_session *session)
{
	unsigned wanted = atomic_load(&session->spares_wanted);
	struct order *order = NULL;

	if (clock_now_ms() < atomic_load(&session->spares_rest_ms) ||
	    !budget_is_ample(context->budget))
		return NULL;
	if (atomic_fetch_add(&session->spares_kept, 1) < wanted)
		order = create(context, session, NULL);
	if (order == NULL)
		atomic_fetch_sub(&session->spares_kept, 1);
	return order;
}

/* Whoever is done with a visitor is a spare at once where one is missing, and no
 * other thread has to be woken for that. */
static void
run(void *argument)
{
	struct order *order = argument;
	struct worker_context *context = order->context;
	struct worker_session *session = order->session;

	while (order != NULL) {
		struct visit visit;
		enum error error = approach(order, &visit);

		object_cache_give(&context->orders, order);
		if (error == ERROR_NONE)
			visit_run(&visit);
		order = error ? NULL : order_spare(context, session);
	}
	worker_session_release(session);
	budget_give(context->budget, BUDGET_VISITOR);
}

/* Give the order to a thread, if it may have one. */
static enum error
start(struct order *order)
{
	struct worker_context *context = order->context;
	struct budget *budget = context->budget;
	enum error error = ERROR_RESOURCES;

	if (!budget_force(budget, BUDGET_VISITOR))
		pipes_shed();
	order->refuse = budget_excess(budget, 0) > 0;
	errno = EMFILE;
	if (budget_excess(budget, 0) <= REFUSALS_MOST * BUDGET_VISITOR)
		error = thread_pool_run(context->threads, run, order);
	if (error)
		budget_give(budget, BUDGET_VISITOR);
	return error;
}

/* A visitor came that found no spare: keep twice as many. A visitor can do without
 * one where the server is near, and costs less then. */
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

/* Returns whether one was started. */
static bool
start_spare(struct worker_context *context, struct worker_session *session)
{
	struct order *order = order_spare(context, session);

	if (order == NULL)
		return false;
	atomic_fetch_add(&session->references, 1);
	if (start(order) == ERROR_NONE)
		return true;
	atomic_fetch_sub(&session->spares_kept, 1);
	worker_session_release(session);
	object_cache_give(&context->orders, order);
	return false;
}

void
worker_grant_spares(struct worker_context *context,
    struct worker_session *session, unsigned most, const struct uuid *key)
{
	unsigned wanted;

	if (atomic_load(&session->spares_most) != 0)
		return;
	session->key = *key; /* before any spare is opened */
	if (most > WORKER_SPARES_MOST)
		most = WORKER_SPARES_MOST;
	wanted = context->spares < most ? context->spares : most;
	atomic_store(&session->spares_most, most);
	atomic_store(&session->spares_wanted, wanted);
	worker_tend_spares(context, session);
}

void
worker_tend_spares(
    struct worker_context *context, struct worker_session *session)
{
	unsigned base = context->spares;
	unsigned kept = atomic_load(&session->spares_kept);
	unsigned wanted = atomic_load(&session->spares_wanted);
	bool is_quiet = clock_now_ms() - atomic_load(&session->visitor_ms) >
	                SPARES_QUIET_MS;

	if (wanted > base && is_quiet) {
		atomic_store(&session->spares_wanted, base);
		wanted = base;
	}
	for (; kept > wanted && is_quiet; kept--)
		roster_interrupt_oldest(&session->spares);
	while (atomic_load(&session->spares_kept) < wanted)
		if (!start_spare(context, session))
			return;
}

void
worker_tidy(struct worker_context *context)
{
	thread_pool_tidy(context->threads);
	object_cache_tidy(&context->orders);
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
worker_start(struct worker_context *context, struct worker_session *session,
    const struct uuid *uuid)
{
	struct order *order = create(context, session, uuid);
	enum error error;

	if (order == NULL) {
		warn(context, error_text(ERROR_MEMORY));
		return;
	}
	if (!served_visitors_enter(&context->served, &order->visitor)) {
		object_cache_give(&context->orders, order);
		return;
	}
	want_more_spares(session);
	atomic_fetch_add(&session->references, 1);
	error = start(order);
	if (error == ERROR_NONE)
		return;
	if (error == ERROR_RESOURCES)
		warn(context,
		    errno == EMFILE ? limit_reason(context) : strerror(errno));
	served_visitors_leave(&context->served, &order->visitor, false);
	worker_session_release(session);
	object_cache_give(&context->orders, order);
}
