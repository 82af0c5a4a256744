/* tunnel - see tunnel.h */
#include "server/tunnel.h"

#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "net/source.h"
#include "net/tcp.h"
#include "os/wakeup.h"
#include "server/door.h"
#include "server/farewell.h"
#include "server/room.h"
#include "server/spares.h"
#include "stream/stream.h"

/* How long a displaced client may take to read why. */
#define PARTING_MS 10000
/* Streams to report to the client with Lost; each is reported once a second
 * until the client resumes it. */
#define LOST_MOST 64
/* How often to look what is to be logged of interrupted streams. */
#define OUTAGE_MS 250

struct tunnel {
	/* Set before the tunnel is known to other threads, then read-only. */
	struct server_state *server;
	uint16_t port;
	struct wakeup wakeup;

	atomic_uint references;

	/* With a lock of its own. */
	struct spares spares;

	struct lock lock;
	/* Under lock. */
	struct lease lease;
	struct link *incoming; /* promised the port, not adopted yet */
	/* Those of the link that holds the port (incoming if there is one) or
	 * held it last. */
	struct address holder_address;
	struct principal *holder_principal; /* a reference */
	int holder_fd;                      /* -1: not connected */
	/* Streams of which the client is to be told. */
	struct message_lost lost[LOST_MOST];
	unsigned lost_count;

	/* The tunnel's thread's alone, except for door_readmit(). */
	struct door door;
	struct link *link;     /* NULL: the client is away */
	bool link_is_readable; /* as far as is known */
	/* A displaced link whose client still reads its Bye; or NULL. */
	struct link *parting;
	int64_t parting_ms; /* when to close it at the latest */
	/* In the registry while spares are accepted. */
	struct registry_entry key;
	struct room_lease seat;       /* entered while the lease may be ended */
	bool is_seated;               /* seat is entered */
	bool is_settled;              /* source is settled in the crowd */
	uint64_t source;              /* of its last link */
	char peer[ADDRESS_TEXT_SIZE]; /* of the last link */
	/* When to break the streams on which the client has not been heard
	 * since it returned; CLOCK_NEVER: not pending. */
	int64_t doubt_ms;
	int64_t back_ms; /* when it returned */
	/* While the client is away: who it is, and when it was heard. */
	struct lease_client away;
	int64_t away_said_ms;
};

static struct lease_client
client_of(const struct link *link)
{
	return (struct lease_client){.announced = link->announced,
	    .instance = link->who.instance,
	    .attempt = link->who.attempt};
}

/* Publish the link that holds the port (incoming, else attached) to other
 * threads. */
static void
publish_holder(struct tunnel *tunnel)
{
	const struct link *link =
	    tunnel->incoming ? tunnel->incoming : tunnel->link;

	lock_assert_held(&tunnel->lock);
	tunnel->holder_fd = link ? transport_fd(&link->transport) : -1;
	if (link == NULL)
		return; /* the lease still belongs to the last holder */
	tunnel->holder_address = link->address;
	principal_hold(link_principal(link));
	principal_release(tunnel->holder_principal);
	tunnel->holder_principal = link_principal(link);
	port_memory_own(&tunnel->server->port_memory, tunnel->port,
	    link->announced ? &link->who.instance : NULL, &link->address);
}

/* Report an event to the lease. */
static void
step_lease(struct tunnel *tunnel, const struct lease_event *event)
{
	lock_take(&tunnel->lock);
	lease_step(&tunnel->lease, event);
	lock_give(&tunnel->lock);
}

/* The same, for an event that changes the link or what is known of its
 * client. */
static void
step_and_publish(struct tunnel *tunnel, const struct lease_event *event)
{
	lock_take(&tunnel->lock);
	lease_step(&tunnel->lease, event);
	publish_holder(tunnel);
	lock_give(&tunnel->lock);
}

struct tunnel *
tunnel_create(struct server_state *server, const struct listener *listener,
    uint16_t port, struct link *link)
{
	struct tunnel *tunnel = calloc(1, sizeof *tunnel);
	struct lease_client client = client_of(link);

	if (tunnel == NULL || wakeup_open(&tunnel->wakeup)) {
		free(tunnel);
		return NULL;
	}
	if (!door_open(&tunnel->door, server, tunnel, &tunnel->spares, listener,
		port)) {
		wakeup_close(&tunnel->wakeup);
		free(tunnel);
		return NULL;
	}
	tunnel->server = server;
	tunnel->port = port;
	tunnel->seat.port = port;
	tunnel->seat.wakeup = &tunnel->wakeup;
	atomic_init(&tunnel->references, 1);
	lock_init(&tunnel->lock, LOCK_RANK_TUNNEL);
	spares_init(
	    &tunnel->spares, server->options->budget, server->spares_most);
	tunnel->link = link;
	tunnel->doubt_ms = CLOCK_NEVER;
	lease_init(&tunnel->lease, &client);
	/* The client has just said Hello. */
	step_and_publish(tunnel, &(const struct lease_event){.kind = LEASE_HEAR,
				     .now_ms = clock_now_ms()});
	return tunnel;
}

void
tunnel_hold(struct tunnel *tunnel)
{
	atomic_fetch_add(&tunnel->references, 1);
}

void
tunnel_release(struct tunnel *tunnel)
{
	if (atomic_fetch_sub(&tunnel->references, 1) != 1)
		return;
	principal_release(tunnel->holder_principal);
	spares_destroy(&tunnel->spares);
	wakeup_close(&tunnel->wakeup);
	lock_destroy(&tunnel->lock);
	free(tunnel);
}

void
tunnel_wake(struct tunnel *tunnel, void *unused)
{
	(void)unused;
	wakeup_send(&tunnel->wakeup);
}

/* Collect what is known of the holder and the newcomer. */
static struct lease_claim
gather(struct tunnel *tunnel, const struct link *newcomer)
{
	const struct lease_client client = client_of(newcomer);
	bool trusted = server_state_trusts(tunnel->holder_principal,
	    &tunnel->holder_address, link_principal(newcomer),
	    &newcomer->address);
	enum tcp_verdict tcp = TCP_UNKNOWN;

	lock_assert_held(&tunnel->lock);
	if (tunnel->holder_fd != -1 && lease_has_connection(&tunnel->lease))
		tcp = tcp_judge(tunnel->holder_fd);
	return lease_claim_of(
	    &tunnel->lease, &client, trusted, tcp, clock_now_ms());
}

enum lease_verdict
tunnel_judge(
    struct tunnel *tunnel, const struct link *newcomer, uint64_t *attempt)
{
	enum lease_verdict verdict;
	struct lease_claim claim;

	lock_take(&tunnel->lock);
	claim = gather(tunnel, newcomer);
	verdict = lease_judge(&claim);
	*attempt = claim.announced ? tunnel->lease.holder.attempt : 0;
	if (verdict == LEASE_CONDEMNS) {
		lease_step(&tunnel->lease,
		    &(const struct lease_event){.kind = LEASE_CONDEMN});
		wakeup_send(&tunnel->wakeup);
	}
	lock_give(&tunnel->lock);
	return verdict;
}

/* Returns the Bye for a connection that another one displaces. */
static struct message_bye
farewell(const struct link *old, const struct link *link)
{
	if (link_same_instance(old, link))
		return (struct message_bye){.displaced = true};
	return (struct message_bye){.taken = true,
	    .silent_ms =
		(uint32_t)(clock_now_ms() - atomic_load(&old->said_ms))};
}

bool
tunnel_hand_over(struct tunnel *tunnel, struct link *link)
{
	const struct lease_event event = {.kind = LEASE_PROMISE,
	    .client = client_of(link),
	    .now_ms = clock_now_ms()};
	struct link *previous = NULL;
	struct message_bye bye;
	bool ended;

	lock_take(&tunnel->lock);
	ended = lease_step(&tunnel->lease, &event) == LEASE_OVER;
	if (!ended) {
		previous = tunnel->incoming;
		if (previous != NULL)
			bye = farewell(previous, link);
		/* From here on the link may be gone once the lock is
		 * released. */
		tunnel->incoming = link;
		/* The next newcomer is judged against it. */
		publish_holder(tunnel);
	}
	lock_give(&tunnel->lock);
	if (previous != NULL)
		link_part(previous, &bye);
	link_destroy(previous);
	if (!ended)
		wakeup_send(&tunnel->wakeup);
	return !ended;
}

static bool
readmit(struct tunnel *tunnel, struct pending_visitor *visitor)
{
	bool waits;

	lock_take(&tunnel->lock);
	waits = tunnel->lease.state != LEASE_OVER &&
	        door_readmit(&tunnel->door, visitor);
	lock_give(&tunnel->lock);
	if (waits)
		wakeup_send(&tunnel->wakeup);
	return waits;
}

bool
tunnel_add_spare(struct tunnel *tunnel, struct transport transport,
    const struct principal *principal, bool is_local)
{
	if (!spares_add(&tunnel->spares, transport, principal, is_local))
		return false;
	door_arrive(&tunnel->door);
	if (door_count(&tunnel->door) > 0)
		wakeup_send(&tunnel->wakeup);
	return true;
}

bool
tunnel_wants_spare(struct tunnel *tunnel)
{
	return door_count(&tunnel->door) > 0;
}

static bool
take_spare(struct tunnel *tunnel, struct spare *spare)
{
	return spares_take(&tunnel->spares, spare);
}

static void
seek_spare(struct tunnel *tunnel, bool seeks)
{
	door_seek(&tunnel->door, seeks);
	if (seeks)
		wakeup_send(&tunnel->wakeup);
}

static struct pending_visitor *
next_visitor(struct tunnel *tunnel, const struct spare *spare)
{
	struct pending_visitor *visitor = NULL;

	if (!spares_has_session(&tunnel->spares, spare->session))
		return NULL;
	lock_take(&tunnel->lock);
	if (tunnel->lease.state != LEASE_OVER)
		visitor = door_take_visitor(&tunnel->door);
	lock_give(&tunnel->lock);
	return visitor;
}

static void
reuse_spare(struct tunnel *tunnel, struct spare *spare)
{
	if (!spares_reuse(&tunnel->spares, spare)) {
		transport_close(&spare->transport);
		budget_give(tunnel->server->options->budget, BUDGET_SESSION);
		return;
	}
	/* One may have come meanwhile. */
	lock_take(&tunnel->lock);
	if (tunnel->lease.state != LEASE_OVER && door_count(&tunnel->door) > 0)
		wakeup_send(&tunnel->wakeup);
	lock_give(&tunnel->lock);
}

static void
say_lost(struct tunnel *tunnel, const struct uuid *id, uint32_t attempt)
{
	lock_take(&tunnel->lock);
	if (tunnel->lost_count < LOST_MOST)
		tunnel->lost[tunnel->lost_count++] =
		    (struct message_lost){*id, attempt};
	lock_give(&tunnel->lock);
	wakeup_send(&tunnel->wakeup);
}

/* Tell the client of the streams that have lost their data connection. */
static void
tell_lost(struct tunnel *tunnel)
{
	struct message_lost lost[LOST_MOST];
	unsigned count;

	lock_take(&tunnel->lock);
	count = tunnel->lost_count;
	memcpy(lost, tunnel->lost, count * sizeof lost[0]);
	tunnel->lost_count = 0;
	lock_give(&tunnel->lock);
	if (tunnel->link == NULL || link_resume_ms(tunnel->link) == 0)
		return;
	for (unsigned i = 0; i < count && link_has_room(tunnel->link); i++)
		link_put(
		    tunnel->link, &(const struct message){.kind = MESSAGE_LOST,
				      .as.lost = lost[i]});
}

/* The client is back: it asks for each stream on which it hears nothing. What
 * it has not asked for by doubt_ms is treated as lost, since its data
 * connection may have died silently. */
static void
doubt_streams(struct tunnel *tunnel)
{
	if (clock_now_ms() < tunnel->doubt_ms)
		return;
	tunnel->doubt_ms = CLOCK_NEVER;
	stream_directory_break(
	    &tunnel->server->streams, tunnel, tunnel->back_ms, UINT_MAX);
}

static void
condemn_spares(struct tunnel *tunnel, uint32_t serial)
{
	unsigned closed = spares_condemn(&tunnel->spares, serial);

	if (closed > 0)
		log_info("port %u: a spare connection did not answer; as old "
			 "ones are closed: %u",
		    (unsigned)tunnel->port, closed);
}

static void
shed_own_spares(struct tunnel *tunnel)
{
	spares_shed(&tunnel->spares);
}

const struct tunnel_calls tunnel_calls = {
    .hold = tunnel_hold,
    .release = tunnel_release,
    .readmit = readmit,
    .condemn_spares = condemn_spares,
    .take_spare = take_spare,
    .seek = seek_spare,
    .next_visitor = next_visitor,
    .reuse = reuse_spare,
    .say_lost = say_lost,
    .shed_spares = shed_own_spares,
};

/* Returns whether the client was heard on its data connections since the last
 * call. */
static bool
feel_pulse(struct tunnel *tunnel)
{
	if (!door_take_pulse(&tunnel->door))
		return false;
	step_lease(tunnel, &(const struct lease_event){
			       .kind = LEASE_HEAR, .now_ms = clock_now_ms()});
	return true;
}

/* The client has announced itself: grant what it can use. */
static void
welcome_announced(struct tunnel *tunnel)
{
	struct link *link = tunnel->link;

	door_follow(&tunnel->door, &link->who.instance);
	link_put_announce(link);
	if (link_resume_ms(link) > 0) {
		tunnel->back_ms = clock_now_ms();
		tunnel->doubt_ms = tunnel->back_ms + STREAM_DOUBT_MS;
	}
	if (!link_can(link, MESSAGE_CAN_SPARE))
		return;
	/* A client that does not know of keys is found by its instance, which
	 * works while no other client has the same. */
	tunnel->key.uuid =
	    link_can(link, MESSAGE_CAN_KEY) ? link->name : link->who.instance;
	tunnel->key.tunnel = tunnel;
	tunnel->key.principal = link_principal(link);
	spares_open(&tunnel->spares, link_principal(link));
	registry_put_key(&tunnel->server->registry, &tunnel->key);
}

/* The control session is over, so its spares are closed. */
static void
close_spares(struct tunnel *tunnel)
{
	registry_remove_key(&tunnel->server->registry, &tunnel->key);
	spares_close(&tunnel->spares);
}

/* The address of the client, present or past, keeps a share of the connections
 * that have said nothing yet, so that the client can return. */
static void
settle(struct tunnel *tunnel)
{
	struct crowd *silent = &tunnel->server->silent;
	uint64_t source = source_of_address(&tunnel->link->address);

	if (tunnel->is_settled && source == tunnel->source)
		return;
	if (tunnel->is_settled)
		crowd_unsettle(silent, tunnel->source);
	tunnel->source = source;
	tunnel->is_settled = crowd_settle(silent, source);
}

/* Start on a new link: send the client its port, together with all that
 * follows, in one write. */
static void
greet(struct tunnel *tunnel)
{
	struct link *link = tunnel->link;
	struct message hello = {.kind = MESSAGE_HELLO, .as.port = tunnel->port};

	snprintf(tunnel->peer, sizeof tunnel->peer, "%s", link->peer);
	/* Something may have been read together with its Hello. */
	tunnel->link_is_readable = true;
	link_put(link, &hello);
	if (link->announced)
		welcome_announced(tunnel);
	door_attach(&tunnel->door, link);
}

static void
log_loss(const struct tunnel *tunnel, const char *reason, uint32_t lease_ms)
{
	struct server_state *server = tunnel->server;

	if (lease_ms > 0 && !atomic_load(&server->stopping))
		notices_tell(&server->notices, NOTICE_GONE, tunnel->source,
		    "client %s is gone (%s); port %u is kept for %.0f s",
		    tunnel->peer, reason, (unsigned)tunnel->port,
		    (double)lease_ms / 1000);
	else
		notices_tell(&server->notices, NOTICE_GONE, tunnel->source,
		    "client %s is gone (%s)", tunnel->peer, reason);
}

/* Let the link go. keep_lease: the client may come back. */
static void
detach_link(struct tunnel *tunnel, bool keep_lease)
{
	struct link *link = tunnel->link;
	const struct lease_event event = {
	    .kind = LEASE_LOSE,
	    .now_ms = clock_now_ms(),
	    .length_ms = keep_lease && link_can(link, MESSAGE_CAN_LEASE)
	                     ? tunnel->server->options->lease_ms
	                     : 0,
	};

	tunnel->link = NULL;
	tunnel->away = client_of(link);
	tunnel->away_said_ms = atomic_load(&link->said_ms);
	close_spares(tunnel);
	step_and_publish(tunnel, &event);
	door_detach(&tunnel->door);
	log_loss(tunnel, link->reason, event.length_ms);
	link_destroy(link);
}

/* Log whose place the link takes. */
static void
log_adoption(const struct tunnel *tunnel, const struct link *old,
    const struct link *link)
{
	int64_t said_ms =
	    old ? atomic_load(&old->said_ms) : tunnel->away_said_ms;
	struct lease_client before = old ? client_of(old) : tunnel->away;
	struct lease_client now = client_of(link);

	if (lease_same_instance(&before, &now))
		notices_tell(&tunnel->server->notices, NOTICE_HAS_PORT,
		    tunnel->source, "client %s has port %u, in place of %s",
		    link->peer, (unsigned)tunnel->port, tunnel->peer);
	else
		notices_tell(&tunnel->server->notices, NOTICE_HAS_PORT,
		    tunnel->source,
		    "client %s has port %u, in place of %s, another client "
		    "that was silent for %.1f s",
		    link->peer, (unsigned)tunnel->port, tunnel->peer,
		    (double)(clock_now_ms() - said_ms) / 1000);
}

/* Returns the link that was handed over and now holds the port, or NULL. */
static struct link *
take_incoming(struct tunnel *tunnel)
{
	struct lease_event event = {.kind = LEASE_ATTACH};
	struct link *link;

	lock_take(&tunnel->lock);
	link = tunnel->incoming;
	tunnel->incoming = NULL;
	if (link != NULL) {
		tunnel->link = link;
		event.client = client_of(link);
		lease_step(&tunnel->lease, &event);
		publish_holder(tunnel);
	}
	lock_give(&tunnel->lock);
	return link;
}

/* Adopt a link that was handed over; it displaces the current one. */
static void
adopt_incoming(struct tunnel *tunnel)
{
	struct link *old = tunnel->link;
	struct link *link = take_incoming(tunnel);
	struct message_bye bye;

	if (link == NULL)
		return;
	settle(tunnel);
	log_adoption(tunnel, old, link);
	close_spares(tunnel);
	if (old != NULL) {
		bye = farewell(old, link);
		link_part(old, &bye);
		link_begin_end(old);
		link_destroy(tunnel->parting);
		tunnel->parting = old;
		tunnel->parting_ms = clock_now_ms() + PARTING_MS;
	}
	greet(tunnel);
}

static bool
is_condemned(struct tunnel *tunnel)
{
	bool condemned;

	lock_take(&tunnel->lock);
	condemned = tunnel->lease.condemned;
	lock_give(&tunnel->lock);
	return condemned;
}

/* The client was heard on its control connection. Once a newcomer is on its
 * way, the old connection says nothing about the new holder. */
static void
hear_client(struct tunnel *tunnel)
{
	const struct lease_event event = {
	    .kind = LEASE_HEAR, .now_ms = clock_now_ms()};

	lock_take(&tunnel->lock);
	if (tunnel->incoming == NULL)
		lease_step(&tunnel->lease, &event);
	lock_give(&tunnel->lock);
}

/* The client has announced itself on its current link. */
static void
learn_client(struct tunnel *tunnel)
{
	link_enter(tunnel->link);
	welcome_announced(tunnel);
	step_and_publish(
	    tunnel, &(const struct lease_event){.kind = LEASE_ANNOUNCE,
			.client = client_of(tunnel->link)});
}

/* Read from the client, then do what is due on its link. */
static void
serve_link(struct tunnel *tunnel)
{
	struct link *link = tunnel->link;
	int64_t said_ms = atomic_load(&link->said_ms);
	enum link_event event = LINK_ANNOUNCED;
	enum error error = ERROR_NONE;

	while (tunnel->link_is_readable && error == ERROR_NONE &&
	       event == LINK_ANNOUNCED) {
		error = link_read(link, &event);
		if (error == ERROR_NONE && event == LINK_ANNOUNCED)
			learn_client(tunnel);
	}
	tunnel->link_is_readable = false;
	if (atomic_load(&link->said_ms) != said_ms)
		hear_client(tunnel);
	if (error == ERROR_NONE && event == LINK_BYE) {
		detach_link(tunnel, false);
		return;
	}
	if (feel_pulse(tunnel))
		link_hear(link);
	if (error == ERROR_NONE)
		error = link_do_due(link);
	if (error == ERROR_NONE && is_condemned(tunnel)) {
		link->reason = "it does not answer";
		error = ERROR_TIMEOUT;
	}
	if (error)
		detach_link(tunnel, true);
}

static struct pollfd
no_slot(void)
{
	return (struct pollfd){.fd = -1};
}

static int
time_left(struct tunnel *tunnel)
{
	int64_t wake_ms = door_due_ms(&tunnel->door);

	if (tunnel->link != NULL)
		wake_ms = clock_earlier(wake_ms, link_due_ms(tunnel->link));
	if (tunnel->parting != NULL)
		wake_ms = clock_earlier(wake_ms, tunnel->parting_ms);
	lock_take(&tunnel->lock);
	wake_ms = clock_earlier(wake_ms, lease_due_ms(&tunnel->lease));
	lock_give(&tunnel->lock);
	wake_ms = clock_earlier(wake_ms, tunnel->doubt_ms);
	if (stream_outage_count(&tunnel->server->outage) > 0)
		wake_ms = clock_earlier(wake_ms, clock_now_ms() + OUTAGE_MS);
	return clock_left_ms(wake_ms);
}

/* Close the displaced link once its client has read the Bye. */
static void
see_parting_off(struct tunnel *tunnel)
{
	if (tunnel->parting == NULL || (clock_now_ms() < tunnel->parting_ms &&
					   !link_has_ended(tunnel->parting)))
		return;
	link_destroy(tunnel->parting);
	tunnel->parting = NULL;
}

/* Wait for events, and accept visitors. */
static void
wait_and_accept(struct tunnel *tunnel)
{
	struct pollfd slots[DOOR_SLOTS + 3];
	struct pollfd *others = &slots[DOOR_SLOTS];

	door_poll(&tunnel->door, slots);
	others[0] = tunnel->link ? link_poll(tunnel->link) : no_slot();
	others[1] =
	    (struct pollfd){.fd = tunnel->wakeup.read_fd, .events = POLLIN};
	others[2] = no_slot();
	if (tunnel->parting != NULL)
		others[2] = transport_poll(&tunnel->parting->transport, POLLIN);
	if (poll(slots, DOOR_SLOTS + 3, time_left(tunnel)) == -1)
		return;
	if (others[0].revents != 0)
		tunnel->link_is_readable = true;
	if (others[1].revents != 0)
		wakeup_clear(&tunnel->wakeup);
	door_serve(&tunnel->door, slots);
	see_parting_off(tunnel);
}

/* Whether no visitor waits for the lease, as far as is known. */
static bool
is_unused(struct tunnel *tunnel)
{
	/* Only this thread changes the state. */
	return tunnel->lease.state == LEASE_LEASED &&
	       door_count(&tunnel->door) == 0;
}

/* While the lease is unused, let it give way when descriptors are short. */
static void
offer_lease(struct tunnel *tunnel)
{
	struct shares *shares = &tunnel->server->shares;
	bool unused = is_unused(tunnel);

	if (unused && !tunnel->is_seated)
		tunnel->is_seated =
		    shares_enter_lease(shares, &tunnel->seat.seat,
			tunnel->source, door_is_useful(&tunnel->door));
	else if (!unused && tunnel->is_seated) {
		shares_leave(shares, &tunnel->seat.seat);
		tunnel->is_seated = false;
	}
}

/* Whether the lease has to give way, and neither its client nor a visitor has
 * come meanwhile. */
static bool
gives_way(struct tunnel *tunnel)
{
	return tunnel->is_seated && shares_is_sent_away(&tunnel->seat.seat) &&
	       is_unused(tunnel);
}

/* Whether the tunnel is over; once it is, no link is handed over to it. */
static bool
is_at_end(struct tunnel *tunnel)
{
	struct server_state *server = tunnel->server;
	const struct lease_event event = {
	    .kind = LEASE_LOOK,
	    .now_ms = clock_now_ms(),
	    .ending = atomic_load(&server->ending),
	    .gives_way = gives_way(tunnel),
	};
	bool over;

	lock_take(&tunnel->lock);
	over = lease_step(&tunnel->lease, &event) == LEASE_OVER;
	/* Before another client can have the port: otherwise its entry would be
	 * removed. */
	if (over && !atomic_load(&server->stopping))
		port_memory_remove(&server->port_memory, tunnel->port);
	/* Before other threads see the end. */
	if (over)
		door_close(&tunnel->door);
	lock_give(&tunnel->lock);
	return over;
}

/* The server stops: say Bye to the client and accept no more visitors; those
 * that wait are kept until the end. */
static void
part(struct tunnel *tunnel)
{
	const struct message_bye bye = {
	    .retry_ms =
		farewell_retry_ms(tunnel->server->leaving, random_u32())};

	step_lease(tunnel, &(const struct lease_event){.kind = LEASE_PART});
	door_hold(&tunnel->door);
	if (tunnel->link != NULL) {
		tunnel->link->reason = "the server stops";
		link_part(tunnel->link, &bye);
		detach_link(tunnel, true);
	}
}

/* One iteration of the thread. */
static void
turn(struct tunnel *tunnel)
{
	wait_and_accept(tunnel);
	adopt_incoming(tunnel);
	if (tunnel->link != NULL)
		serve_link(tunnel);
	else
		feel_pulse(tunnel);
	if (atomic_load(&tunnel->server->stopping) &&
	    (tunnel->lease.state != LEASE_PARTED || tunnel->link != NULL))
		part(tunnel);
	door_sweep(&tunnel->door);
	door_announce(&tunnel->door);
	tell_lost(tunnel);
	doubt_streams(tunnel);
	stream_outage_log(&tunnel->server->outage, clock_now_ms());
	offer_lease(tunnel);
}

/* The tunnel can no longer be found: release all it has. */
static void
close_all(struct tunnel *tunnel)
{
	struct server_state *server = tunnel->server;
	struct link *left;

	lock_take(&tunnel->lock);
	left = tunnel->incoming;
	tunnel->incoming = NULL;
	tunnel->holder_fd = -1;
	lock_give(&tunnel->lock);
	link_destroy(left);
	link_destroy(tunnel->parting);
	link_destroy(tunnel->link);
	door_destroy(&tunnel->door);
	if (tunnel->is_settled)
		crowd_unsettle(&server->silent, tunnel->source);
	budget_give(server->options->budget, BUDGET_TUNNEL);
	if (tunnel->is_seated)
		shares_leave(&server->shares, &tunnel->seat.seat);
}

void
tunnel_run(struct tunnel *tunnel)
{
	struct server_state *server = tunnel->server;

	if (atomic_fetch_add(&server->tunnels_now, 1) == 0)
		wakeup_send(&server->opened);
	settle(tunnel);
	notices_tell(&server->notices, NOTICE_HAS_PORT, tunnel->source,
	    "client %s has port %u", tunnel->link->peer,
	    (unsigned)tunnel->port);
	greet(tunnel);
	while (!is_at_end(tunnel))
		turn(tunnel);
	close_spares(tunnel);
	registry_remove(&server->registry, tunnel->port, tunnel);
	close_all(tunnel);
	atomic_fetch_sub(&server->tunnels_now, 1);
	notices_tell(&server->notices, NOTICE_PORT_FREE, tunnel->source,
	    "port %u is free", (unsigned)tunnel->port);
	tunnel_release(tunnel);
}
