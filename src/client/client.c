/* client - see client.h */
#include "client/client.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "base/repeat.h"
#include "base/secret.h"
#include "client/control.h"
#include "client/identity.h"
#include "client/quarrel.h"
#include "client/reconnect.h"
#include "client/rekey.h"
#include "client/worker.h"
#include "net/netwatch.h"
#include "net/resolve.h"
#include "net/roster.h"
#include "os/crew.h"
#include "os/fd.h"
#include "os/thread.h"
#include "os/timer.h"
#include "os/wakeup.h"

/* The same visitors keep the same local address for so long. */
#define LOCAL_AGE_MS 5000
/* A port that another holds for longer is not coming back: a lease, or this
 * where the server tells none. */
#define PORT_PATIENCE_MS 30000
/* A changed network ends a wait once in so long: some change all day. */
#define CUT_EVERY_MS 5000
/* While it waits, the client looks so often whether the system has slept. */
#define LOOK_MS 5000
/* And so often, when its secret was refused, whether the file has another. */
#define LOOK_FOR_KEY_MS 2000
/* The system slept, and did not only start a little late. */
#define SUSPENDED_MS 2000
/* Attempts in a row that follow at once on what a server has told. */
#define SHORTCUTS_MOST 3
/* How long workers may take to end. */
#define END_MS 500

struct client {
	/* Set before the supervisor starts, then read-only. */
	struct client_options options;
	struct worker_context workers;
	struct roster roster;   /* proxied connections */
	struct roster controls; /* control connections */
	struct crew *crew;
	struct resolve *server_name;
	struct resolve *local_name;
	struct identity identity;
	struct keyring keys;
	struct wakeup stop;  /* once sent it stays readable */
	struct wakeup end;   /* the same, for workers, after the drain */
	struct wakeup retry; /* ends one wait */
	int timer_fd;
	pthread_t supervisor;

	/* The supervisor's alone; the control thread's while it runs. */
	struct reconnect reconnect;
	struct rekey rekey;
	bool is_refused; /* the secret, and there is no other */
	struct repeat told;
	struct netwatch watch;
	int64_t cut_ms;       /* when the network ended a wait last */
	int64_t suspended_ms; /* time that the system has slept so far */
	uint32_t lease_ms;    /* that the server told last */
	bool after_bye;       /* the next failure is free */
	uint16_t public_port; /* that we had last; 0: none yet */
	int64_t lost_ms;      /* since when there is no tunnel */
	int64_t taken_ms;     /* since when the port is refused; 0: it is not */
	bool has_stood;       /* there was a tunnel in this process */
	bool port_is_gone;    /* the server will not give it to us again */
	bool port_in_doubt;   /* it may be that of who has our old identity */
	struct quarrel quarrel;
	unsigned shortcuts; /* since a tunnel stood */
	bool at_once;       /* what the server told is to be tried now */
	unsigned failures;  /* in a row */
	enum client_end ending;

	atomic_bool has_ended;
};

static void
public_address(const struct client *client, uint16_t port,
    char text[static ADDRESS_NAME_TEXT_SIZE])
{
	struct address_name name = client->options.server;

	name.port = port;
	address_name_print(&name, text);
}

static void
tell(const struct client *client, const char *status)
{
	if (client->options.told != NULL)
		client->options.told(status);
}

/* The address has changed against the user's will: say so loudly. */
static void
warn_of_new_address(
    const struct client *client, uint16_t old_port, const char *address)
{
	char old[ADDRESS_NAME_TEXT_SIZE];

	public_address(client, old_port, old);
	log_warning("the public address has changed: it was %s, it is %s", old,
	    address);
}

/* Called in the control thread, while the supervisor waits for it. */
static void
established(void *context, uint16_t public_port)
{
	struct client *client = context;
	uint16_t old_port = client->public_port;
	char address[ADDRESS_NAME_TEXT_SIZE];
	char server[ADDRESS_NAME_TEXT_SIZE];
	char status[ADDRESS_NAME_TEXT_SIZE + 32];

	/* First: whoever reads the log may kill us right after. */
	identity_set_port(&client->identity, public_port);
	public_address(client, public_port, address);
	address_name_print(&client->options.server, server);
	if (old_port == public_port && client->lost_ms == 0)
		return; /* by a second connection: nothing was lost */
	if (!client->has_stood)
		log_info("connected to %s, public address %s", server, address);
	else
		log_info("connected again after %.1f s, %s public address %s",
		    (double)(clock_now_ms() - client->lost_ms) / 1000,
		    old_port == public_port ? "same" : "new", address);
	if (old_port != 0 && old_port != public_port)
		warn_of_new_address(client, old_port, address);
	client->public_port = public_port;
	client->has_stood = true;
	client->failures = 0;
	client->port_is_gone = false;
	client->is_refused = false;
	rekey_accept(&client->rekey);
	client->port_in_doubt = false;
	client->shortcuts = 0;
	client->taken_ms = 0;
	client->lost_ms = 0;
	memset(&client->told, 0, sizeof client->told);
	snprintf(
	    status, sizeof status, "connected, public address %s", address);
	tell(client, status);
}

/*
 * The port that was granted once is asked for again, so that the public address
 * stays, also by a client that was started again with its state file. Where any
 * would do and another holds it for good, another is better than none.
 */
static uint16_t
port_to_ask(struct client *client)
{
	uint32_t patience_ms =
	    client->lease_ms > 0 ? client->lease_ms : PORT_PATIENCE_MS;
	bool is_lost = client->taken_ms != 0 &&
	               clock_now_ms() - client->taken_ms > patience_ms;

	if (client->options.public_port != 0)
		return client->options.public_port;
	return is_lost || client->port_is_gone ? 0 : client->public_port;
}

static void *
run_control(void *control)
{
	control_run(control);
	return NULL;
}

/* Make one attempt in a thread of its own, and wait for its result. */
static void
attempt(struct client *client, struct control *control)
{
	pthread_t thread;

	wakeup_clear(&client->retry);
	client->is_refused = false;
	memset(control, 0, sizeof *control);
	control->options = &client->options;
	control->keys = &client->keys;
	control->identity = &client->identity;
	control->watch = &client->watch;
	control->roster = &client->controls;
	control->workers = &client->workers;
	control->server = client->server_name;
	control->stop_fd = client->stop.read_fd;
	control->asked_port = port_to_ask(client);
	control->failures = client->failures;
	control->established = established;
	control->context = client;
	if (thread_start(&thread, "rebore-control", THREAD_STACK_BYTES,
		run_control, control) == ERROR_NONE) {
		thread_join(thread);
		return;
	}
	control->outcome = CONTROL_FAILED;
	snprintf(control->reason, sizeof control->reason,
	    "cannot start a thread: %s", strerror(errno));
}

/* Whether something has happened that makes the rest of a wait pointless. */
static bool
is_news(struct client *client, bool network_told)
{
	int64_t suspended_ms = clock_suspended_ms();
	bool slept = suspended_ms - client->suspended_ms > SUSPENDED_MS;

	client->suspended_ms = suspended_ms;
	if (network_told && netwatch_changed(&client->watch) &&
	    netwatch_has_route(&client->watch))
		return true;
	return slept;
}

/* Whether the secret was refused, and the file has another one now. */
static bool
has_new_key(struct client *client)
{
	if (!client->is_refused || !rekey_look(&client->rekey, false))
		return false;
	log_info("the secret file has changed");
	return true;
}

/*
 * Wait until end_ms, or less: until somebody asks for it, until there is another
 * secret to try, or until the network has changed, but so only once in
 * CUT_EVERY_MS, and not if it was the secret that was refused.
 *
 * Returns ERROR_STOPPED when the client is to end, ERROR_AGAIN when end_ms is
 * not reached, ERROR_NONE when it is of no more interest.
 */
static enum error
rest_once(struct client *client, int64_t *end_ms)
{
	struct pollfd slots[] = {
	    {.fd = client->stop.read_fd, .events = POLLIN},
	    {.fd = client->retry.read_fd, .events = POLLIN},
	    {.fd = client->watch.fd, .events = POLLIN},
	    {.fd = client->timer_fd, .events = POLLIN},
	};
	int64_t look_ms = clock_earlier(*end_ms,
	    clock_now_ms() + (client->is_refused ? LOOK_FOR_KEY_MS : LOOK_MS));
	bool is_cut;

	identity_save_if_due(&client->identity);
	look_ms = clock_earlier(look_ms, identity_due_ms(&client->identity));
	timer_set(client->timer_fd, *end_ms);
	if (poll(slots, 4, clock_left_ms(look_ms)) == -1)
		return ERROR_AGAIN; /* EINTR or no memory: wait on */
	if (slots[0].revents != 0)
		return ERROR_STOPPED;
	if (has_new_key(client) || slots[1].revents != 0)
		return ERROR_NONE;
	is_cut = is_news(client, slots[2].revents != 0);
	if (is_cut && !client->is_refused) {
		log_debug("the network has changed, or the system was asleep");
		*end_ms = clock_earlier(*end_ms,
		    clock_later(clock_now_ms(), client->cut_ms + CUT_EVERY_MS));
		client->cut_ms = *end_ms;
	}
	return ERROR_AGAIN;
}

/* Wait out a delay. Returns whether the client is to end. */
static bool
rest(struct client *client, uint32_t delay_ms)
{
	int64_t end_ms = clock_now_ms() + delay_ms;
	enum error error = ERROR_AGAIN;

	client->suspended_ms = clock_suspended_ms();
	while (error == ERROR_AGAIN && clock_now_ms() < end_ms)
		error = rest_once(client, &end_ms);
	timer_set(client->timer_fd, CLOCK_NEVER);
	return error == ERROR_STOPPED;
}

/* Whether a tunnel stood before. */
static bool
is_loss(enum control_outcome outcome)
{
	return outcome == CONTROL_LOST || outcome == CONTROL_BYE ||
	       outcome == CONTROL_DISPLACED;
}

/* Say that the attempt came to nothing or the tunnel was lost, and when the
 * next one is due; the same failure only once in a while. */
static void
log_failure(
    struct client *client, const struct control *control, uint32_t delay_ms)
{
	/* Without another secret it will hardly mend itself. */
	bool refused = client->is_refused;
	bool lost = is_loss(control->outcome);
	const char *what = lost ? "connection lost" : "no connection";
	void (*log)(const char *, ...) = refused ? log_error : log_warning;
	double delay_s = (double)delay_ms / 1000;
	char status[HANDSHAKE_REASON_SIZE + 32];
	unsigned hidden;

	snprintf(status, sizeof status, "%s (%s)", what, control->reason);
	tell(client, status);
	if (!repeat_due(&client->told, status, clock_now_ms(), &hidden))
		log_debug("%s; trying again in %.1f s", status, delay_s);
	else if (hidden > 0)
		log("%s, and %u time%s before; trying again in %.1f s", status,
		    hidden, hidden == 1 ? "" : "s", delay_s);
	else
		log("%s; trying again in %.1f s", status, delay_s);
}

/* A tunnel stood. Returns whether the client is at its end. */
static bool
is_final_loss(struct client *client, const struct control *control)
{
	if (control->outcome == CONTROL_DISPLACED)
		log_error("%s", control->reason);
	if (client->options.reconnect)
		return false;
	client->ending = CLIENT_END_STOPPED;
	log_info("connection lost (%s); ending, as --no-reconnect asks",
	    control->reason);
	return true;
}

/* An attempt has failed. Returns whether it was the last. */
static bool
is_final_failure(struct client *client, const struct control *control)
{
	unsigned most = client->options.max_retries;

	if (client->after_bye)
		client->after_bye = false; /* the server was a little late */
	else
		client->failures++;
	if (!client->options.reconnect) {
		client->ending = CLIENT_END_FAILED;
		log_error("no connection (%s)", control->reason);
		return true;
	}
	if (most == 0 || client->failures < most)
		return false;
	client->ending = CLIENT_END_GAVE_UP;
	log_error("no connection (%s); giving up after %u failed attempt%s",
	    control->reason, client->failures,
	    client->failures == 1 ? "" : "s in a row");
	return true;
}

/*
 * The secret was refused. The file may have the right one by now: whoever changes
 * a secret cannot do so at both ends at the same moment. Returns whether it was
 * the last attempt.
 */
static bool
is_final_refusal(struct client *client, const struct control *control)
{
	const struct client_options *options = &client->options;
	bool stays = options->auth_retry_s > 0;
	bool has_key;

	client->failures++;
	rekey_refuse(&client->rekey, stays);
	has_key = options->reconnect && rekey_look(&client->rekey, true);
	client->is_refused = !has_key;
	if (options->reconnect && (has_key || stays) &&
	    (options->max_retries == 0 ||
		client->failures < options->max_retries)) {
		if (has_key)
			log_info("the secret file has changed");
		return false;
	}
	client->ending = CLIENT_END_REFUSED;
	log_error("%s", control->reason);
	return true;
}

/* Whether the end of the last attempt is the end of the client. */
static bool
is_final(struct client *client, const struct control *control)
{
	switch (control->outcome) {
	case CONTROL_STOPPED:
		client->ending = CLIENT_END_STOPPED;
		return true;
	case CONTROL_REFUSED:
		return is_final_refusal(client, control);
	case CONTROL_IMPOSSIBLE:
		if (control->asked_port != client->options.public_port)
			return false; /* our own wish: another will do */
		client->ending = CLIENT_END_IMPOSSIBLE;
		log_error("%s", control->reason);
		return true;
	case CONTROL_LOST:
	case CONTROL_BYE:
	case CONTROL_DISPLACED:
		return is_final_loss(client, control);
	case CONTROL_FAILED:
	case CONTROL_PORT_TAKEN:
	case CONTROL_COPY:
		break;
	}
	return is_final_failure(client, control);
}

/* Stop being who another process is, too. */
static void
be_another(struct client *client, const char *why)
{
	log_error("%s; taking a new identity", why);
	identity_renew(&client->identity);
	client->port_in_doubt = true;
}

/* Another connection with our instance has our place. */
static void
mind_displacement(struct client *client)
{
	if (!quarrel_displaced(&client->quarrel, clock_now_ms()))
		return;
	be_another(client,
	    "displaced 3 times in ten minutes by a client with our identity: "
	    "one state file is a copy of the other");
	client->port_is_gone = true; /* as long as the other has it */
}

/* The public port is refused. */
static void
mind_refusal(struct client *client, const struct control *control)
{
	if (identity_catch_up(&client->identity, control->known_attempt)) {
		log_warning("the state file is older than what the server "
			    "knows of us; going on from there");
		client->at_once = true;
	} else if (client->port_in_doubt && !client->port_is_gone) {
		/* Who had our identity has it: it is not ours to wait for. */
		client->port_is_gone = true;
		client->at_once = client->options.public_port == 0;
	}
}

/* Act on what the server has told of us and our port. */
static void
mind_others(struct client *client, const struct control *control)
{
	client->at_once = false;
	if (control->outcome == CONTROL_DISPLACED) {
		mind_displacement(client);
	} else if (control->outcome == CONTROL_PORT_TAKEN) {
		mind_refusal(client, control);
	} else if (control->outcome == CONTROL_COPY) {
		be_another(client, control->reason);
		client->at_once = true;
	}
	/* A server must not make us spin. */
	if (client->at_once && ++client->shortcuts > SHORTCUTS_MOST)
		client->at_once = false;
}

/* Keep in mind what the attempt taught. */
static void
learn(struct client *client, const struct control *control)
{
	int64_t now_ms = clock_now_ms();

	mind_others(client, control);
	if (is_loss(control->outcome)) {
		client->lost_ms = now_ms;
		/* Who was displaced has no lease any more. */
		client->lease_ms = control->outcome == CONTROL_DISPLACED
		                       ? 0
		                       : control->lease_ms;
		client->after_bye = control->outcome == CONTROL_BYE;
		/* Asked for while the tunnel stood: there was nothing to try
		 * again, and the wait that begins now is not meant. */
		wakeup_clear(&client->retry);
	}
	if (control->outcome == CONTROL_IMPOSSIBLE)
		client->port_is_gone = true;
	if (control->outcome != CONTROL_PORT_TAKEN)
		client->taken_ms = 0;
	else if (client->taken_ms == 0)
		client->taken_ms = now_ms;
}

/* As often as --auth-retry says, spread by a tenth. */
static uint32_t
delay_of_refusal(const struct client *client)
{
	uint32_t delay_ms = client->options.auth_retry_s * 1000;

	return delay_ms -
	       (uint32_t)((uint64_t)(delay_ms / 10) * random_u32() >> 32);
}

/* How long to wait before the next attempt. */
static uint32_t
next_delay(struct client *client, const struct control *control)
{
	const struct reconnect_end end = {
	    .stood = is_loss(control->outcome),
	    .carried = control->carried,
	    .stood_ms = control->stood_ms,
	    .lease_ms = client->lease_ms,
	    .displaced = control->outcome == CONTROL_DISPLACED,
	    .bye = control->outcome == CONTROL_BYE,
	    .retry_ms = control->retry_ms,
	    .at_once = control->outcome == CONTROL_REFUSED ||
	               control->at_once || client->at_once ||
	               control->outcome == CONTROL_IMPOSSIBLE,
	};

	if (client->is_refused)
		return delay_of_refusal(client);
	return reconnect_next(
	    &client->reconnect, &end, clock_now_ms(), random_u32());
}

static void *
supervise(void *argument)
{
	struct client *client = argument;
	struct control control;
	uint32_t delay_ms;

	for (;;) {
		attempt(client, &control);
		learn(client, &control);
		if (is_final(client, &control))
			break;
		delay_ms = next_delay(client, &control);
		log_failure(client, &control, delay_ms);
		if (rest(client, delay_ms)) {
			client->ending = CLIENT_END_STOPPED;
			break;
		}
	}
	atomic_store(&client->has_ended, true);
	if (client->options.ended != NULL)
		client->options.ended();
	return NULL;
}

/* Release what client_create() made, as far as it came. */
static void
destroy(struct client *client)
{
	if (client == NULL)
		return;
	crew_destroy(client->crew);
	resolve_release(client->server_name);
	resolve_release(client->local_name);
	netwatch_close(&client->watch);
	fd_close(&client->timer_fd);
	wakeup_close(&client->end);
	wakeup_close(&client->retry);
	wakeup_close(&client->stop);
	worker_context_destroy(&client->workers);
	identity_end(&client->identity);
	keyring_destroy(&client->keys);
	roster_destroy(&client->controls);
	roster_destroy(&client->roster);
	free(client);
}

static void
connect_workers(struct client *client)
{
	struct worker_context *workers = &client->workers;

	workers->keys = client->options.has_secret ? &client->keys : NULL;
	workers->spares = client->options.spares;
	workers->local_name = client->options.local;
	workers->local = client->local_name;
	workers->crew = client->crew;
	workers->roster = &client->roster;
	workers->stop_fd = client->end.read_fd;
	if (client->options.max_visitors > 0)
		worker_limit(workers, client->options.max_visitors);
	workers->local_retry_ms = (int64_t)client->options.local_retry_s * 1000;
}

static enum error
open_all(struct client *client)
{
	enum error error = wakeup_open(&client->stop);

	if (error == ERROR_NONE)
		error = wakeup_open(&client->end);
	if (error == ERROR_NONE)
		error = wakeup_open(&client->retry);
	if (error == ERROR_NONE)
		error = timer_open(&client->timer_fd);
	netwatch_open(&client->watch);
	return error;
}

/* Make the parts of a client; destroy() takes it at any state. */
static enum error
fill(struct client *client, const struct client_options *options,
    struct client_failure *failure)
{
	enum error error;

	client->options = *options;
	secret_wipe(&client->options.key, sizeof client->options.key);
	keyring_init(&client->keys);
	rekey_init(&client->rekey, options->secret_path, &client->keys);
	client->timer_fd = -1;
	client->watch.fd = -1;
	client->stop = (struct wakeup)WAKEUP_INITIALIZER;
	client->end = (struct wakeup)WAKEUP_INITIALIZER;
	client->retry = (struct wakeup)WAKEUP_INITIALIZER;
	reconnect_init(&client->reconnect, options->max_delay_s * 1000);
	roster_init(&client->roster);
	roster_init(&client->controls);
	worker_context_init(&client->workers);
	error = identity_start(
	    &client->identity, options->state_path, &failure->holder);
	failure->of_state_file = error != ERROR_NONE;
	if (error == ERROR_NONE && options->has_secret)
		error = keyring_replace(&client->keys, &options->key, 1);
	client->public_port = identity_port(&client->identity);
	client->lost_ms = clock_now_ms();
	client->crew = crew_create("rebore-visitor");
	client->server_name = resolve_create(&options->server, 0);
	client->local_name = resolve_create(&options->local, LOCAL_AGE_MS);
	if (error == ERROR_NONE &&
	    (client->crew == NULL || client->server_name == NULL ||
		client->local_name == NULL))
		error = ERROR_MEMORY;
	if (error == ERROR_NONE)
		error = open_all(client);
	connect_workers(client);
	return error;
}

enum error
client_start(const struct client_options *options, struct client **client,
    struct client_failure *failure)
{
	struct client *made = calloc(1, sizeof *made);
	enum error error;
	int saved;

	*client = NULL;
	memset(failure, 0, sizeof *failure);
	if (made == NULL)
		return ERROR_MEMORY;
	error = fill(made, options, failure);
	if (error == ERROR_NONE)
		error = thread_start(&made->supervisor, "rebore-superv",
		    THREAD_STACK_BYTES, supervise, made);
	if (error) {
		saved = errno;
		destroy(made);
		errno = saved;
		return error;
	}
	*client = made;
	return ERROR_NONE;
}

bool
client_has_ended(const struct client *client)
{
	return atomic_load(&client->has_ended);
}

void
client_retry_now(struct client *client)
{
	wakeup_send(&client->retry);
}

void
client_stop(struct client *client)
{
	wakeup_send(&client->stop);
	resolve_stop(client->server_name);
	roster_interrupt_all(&client->controls);
}

enum client_end
client_join(struct client *client)
{
	enum client_end end;
	unsigned left;

	thread_join(client->supervisor);
	end = client->ending;
	left = roster_wait_empty(&client->roster,
	    clock_now_ms() + (int64_t)client->options.drain_s * 1000);
	if (left > 0 && client->options.drain_s > 0)
		log_warning("visitors have not finished in %u s and are cut "
			    "off: %u",
		    client->options.drain_s, left);
	wakeup_send(&client->end);
	resolve_stop(client->local_name);
	roster_interrupt_all(&client->roster);
	if (crew_stop(client->crew, clock_now_ms() + END_MS) == ERROR_NONE)
		destroy(client);
	return end;
}
