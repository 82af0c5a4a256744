/* tunnel - see tunnel.h */
#include "server/tunnel.h"

#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/patience.h"
#include "base/protocol_times.h"
#include "base/random.h"
#include "net/listen.h"
#include "net/sockopt.h"
#include "net/source.h"
#include "net/tcp.h"
#include "os/fd.h"
#include "os/wakeup.h"
#include "server/farewell.h"
#include "server/handout.h"
#include "server/proxy.h"
#include "server/room.h"
#include "server/spares.h"

/* Visitors taken at a time; then heartbeats have their turn. */
#define ACCEPT_MOST 64
/* A listener that cannot accept for want of something rests. */
#define REST_MS 100
/* While the client is away, visitors that have gone are looked for so often. */
#define SWEEP_MS 500
/* A client whose place was taken may read why for so long. */
#define PARTING_MS 10000
/* Looking for one takes less than a tenth of a processor: a hundred visitors
 * take a tenth of a millisecond at the most. */
#define LOOKED_AT_PER_MS 100

/* Who holds the port, for those who want it. */
struct holder {
	/* -1: nobody is attached. */
	int fd;
	/* Found gone from outside; its thread has to let go. */
	bool condemned;
	bool announced;
	struct uuid instance;
	uint64_t attempt;
	struct address address;
	struct principal *principal; /* a reference */
};

struct tunnel {
	/* Set before the tunnel is known to other threads, then read-only. */
	struct context *context;
	uint16_t port;
	struct wakeup wakeup;

	atomic_uint references;
	/* When the client was heard on a data connection last. */
	_Atomic int64_t felt_ms;

	/* With a lock of its own. */
	struct spares spares;

	struct lock lock;
	/* Under lock. */
	struct holder holder;
	struct link *incoming;
	bool ended;

	/* The tunnel's thread's alone. */
	struct listener listener;
	struct link *link;    /* NULL: the client is away */
	int64_t lease_end_ms; /* while it is away */
	int64_t lease_ms;     /* so long from its last sign of life */
	int64_t rest_ms;      /* until when nobody is accepted; 0: now */
	int64_t sweep_ms;     /* when those who left are looked for */
	int64_t silent_ms;    /* none had ended in silence: look again then */
	bool parted;          /* the server stops; the client is told */
	struct link *parting; /* was told its end, and reads that; or NULL */
	int64_t parting_ms;   /* until when, at the longest */
	struct pending_group visitors;
	struct pulse *pulse; /* of the client that announced itself last */
	struct principal *principal;  /* of the last link, a reference */
	struct registry_entry key;    /* while spares are taken */
	struct share *share;          /* of all descriptors */
	struct share_seat lease;      /* entered while it may be taken away */
	bool has_lease;               /* it is */
	bool useful;                  /* it has had visitors */
	bool is_settled;              /* its client's source is */
	uint64_t source;              /* of its last link */
	char peer[ADDRESS_TEXT_SIZE]; /* of the last link */
	/* While the client is away: whose lease it is, and when it was heard. */
	struct uuid away_instance;
	bool away_announced;
	int64_t away_said_ms;
};

/* Make what others may see of the link that is attached now or will be in a
 * moment, or none. */
static void
publish_holder(struct tunnel *tunnel)
{
	const struct link *link =
	    tunnel->incoming ? tunnel->incoming : tunnel->link;
	struct holder *holder = &tunnel->holder;

	lock_assert_held(&tunnel->lock);
	holder->condemned = false;
	holder->fd = link ? link->fd : -1;
	if (link == NULL)
		return; /* whose lease it is stays known */
	holder->announced = link->announced;
	holder->instance = link->who.instance;
	holder->attempt = link->who.attempt;
	holder->address = link->address;
	principal_hold(link_principal(link));
	principal_release(holder->principal);
	holder->principal = link_principal(link);
	grants_own(&tunnel->context->grants, tunnel->port,
	    link->announced ? &link->who.instance : NULL, &link->address);
}

static void
publish(struct tunnel *tunnel)
{
	lock_take(&tunnel->lock);
	publish_holder(tunnel);
	lock_give(&tunnel->lock);
}

struct tunnel *
tunnel_create(struct context *context, const struct listener *listener,
    uint16_t port, struct link *link)
{
	struct tunnel *tunnel = calloc(1, sizeof *tunnel);

	if (tunnel == NULL || wakeup_open(&tunnel->wakeup)) {
		free(tunnel);
		return NULL;
	}
	tunnel->share = shares_open(&context->shares, port);
	if (tunnel->share == NULL) {
		wakeup_close(&tunnel->wakeup);
		free(tunnel);
		return NULL;
	}
	tunnel->context = context;
	tunnel->port = port;
	atomic_init(&tunnel->references, 1);
	atomic_init(&tunnel->felt_ms, clock_now_ms() - TCP_GONE_MS);
	lock_init(&tunnel->lock, LOCK_RANK_TUNNEL);
	tunnel->listener = *listener;
	tunnel->link = link;
	pending_group_init(&tunnel->visitors);
	spares_init(&tunnel->spares, &context->budget, context->spares_most);
	publish(tunnel);
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
	pulse_release(tunnel->pulse);
	principal_release(tunnel->principal);
	principal_release(tunnel->holder.principal);
	spares_destroy(&tunnel->spares);
	wakeup_close(&tunnel->wakeup);
	lock_destroy(&tunnel->lock);
	free(tunnel);
}

void
tunnel_wake(struct tunnel *tunnel)
{
	wakeup_send(&tunnel->wakeup);
}

static struct lease_claim
gather(struct tunnel *tunnel, const struct link *newcomer)
{
	const struct holder *holder = &tunnel->holder;
	struct lease_claim claim = {
	    .ended = tunnel->ended,
	    .attached = holder->fd != -1 && !holder->condemned,
	    .announced = holder->announced,
	    .same_instance =
		holder->announced && newcomer->announced &&
		uuid_equal(&holder->instance, &newcomer->who.instance),
	    .newer = newcomer->who.attempt > holder->attempt,
	    .trusted = context_trusts(holder->principal, &holder->address,
		link_principal(newcomer), &newcomer->address),
	};

	lock_assert_held(&tunnel->lock);
	if (claim.attached)
		claim.tcp = tcp_judge(holder->fd);
	/* Its acknowledgements may be stuck behind the bytes that come. */
	if (claim.tcp == TCP_GONE &&
	    clock_now_ms() - atomic_load(&tunnel->felt_ms) < TCP_GONE_MS)
		claim.tcp = TCP_DOUBTFUL;
	return claim;
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
	*attempt = claim.announced ? tunnel->holder.attempt : 0;
	if (verdict == LEASE_CONDEMNS) {
		tunnel->holder.condemned = true;
		tunnel_wake(tunnel);
	}
	lock_give(&tunnel->lock);
	return verdict;
}

/* What a connection whose place another has taken is told. */
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
	struct link *previous = NULL;
	struct message_bye bye;
	bool ended;

	lock_take(&tunnel->lock);
	ended = tunnel->ended;
	if (!ended) {
		previous = tunnel->incoming;
		if (previous != NULL)
			bye = farewell(previous, link);
		/* From here on it may be gone as soon as the lock is free. */
		tunnel->incoming = link;
		publish_holder(tunnel); /* the next is judged against it */
	}
	lock_give(&tunnel->lock);
	if (previous != NULL)
		link_part(previous, &bye);
	link_destroy(previous);
	if (!ended)
		tunnel_wake(tunnel);
	return !ended;
}

bool
tunnel_readmit(struct tunnel *tunnel, struct pending_visitor *visitor)
{
	bool waits;

	lock_take(&tunnel->lock);
	visitor->expires_ms = clock_now_ms() + tunnel->context->hold_ms;
	/* pending's lock is a leaf below ours */
	waits = !tunnel->ended && pending_put(&tunnel->context->pending,
				      &tunnel->visitors, visitor);
	lock_give(&tunnel->lock);
	if (waits)
		tunnel_wake(tunnel);
	return waits;
}

bool
tunnel_add_spare(
    struct tunnel *tunnel, int fd, const struct principal *principal)
{
	return spares_add(&tunnel->spares, fd, principal);
}

void
tunnel_condemn_spares(struct tunnel *tunnel, uint32_t serial)
{
	unsigned closed = spares_condemn(&tunnel->spares, serial);

	if (closed > 0)
		log_info("port %u: a spare connection did not answer; as old "
			 "ones are closed: %u",
		    (unsigned)tunnel->port, closed);
}

void
tunnel_shed_spares(struct tunnel *tunnel)
{
	spares_shed(&tunnel->spares);
}

static void
shed(struct tunnel *tunnel, const char *what, const char *reason)
{
	char why[160];

	snprintf(why, sizeof why, "port %u: %s: %s", (unsigned)tunnel->port,
	    what, reason);
	context_warn_shed(tunnel->context, why);
}

static void
turn_away(struct tunnel *tunnel, int fd, const char *what, const char *reason)
{
	sockopt_reset_on_close(fd);
	fd_close(&fd);
	shed(tunnel, what, reason);
}

static void
drop(struct tunnel *tunnel, struct pending_visitor *visitor, const char *why)
{
	char uuid[UUID_TEXT_SIZE];
	char text[ADDRESS_TEXT_SIZE];

	uuid_print(&visitor->uuid, uuid);
	address_print(&visitor->address, text);
	notices_tell(&tunnel->context->notices, NOTICE_VISITOR_DROPPED,
	    source_of_address(&visitor->address),
	    "visitor %.8s from %s on port %u dropped: %s", uuid, text,
	    (unsigned)tunnel->port, why);
	proxy_drop(tunnel->context, visitor);
}

/*
 * Whether one more may wait for the absent client. When as many do as may, one
 * that has ended without a byte, as health checks do, makes room.
 */
static bool
has_waiting_room(struct tunnel *tunnel)
{
	struct context *context = tunnel->context;
	struct pending_visitor *visitor;
	int64_t now_ms = clock_now_ms();
	unsigned count;

	if (tunnel->link != NULL)
		return true;
	count = pending_count(&context->pending, &tunnel->visitors);
	if (count < context->waiting_most)
		return true;
	if (now_ms < tunnel->silent_ms)
		return false;
	visitor = pending_take_silent(&context->pending, &tunnel->visitors);
	if (visitor == NULL) {
		/* A flood does not have all looked at for each visitor. */
		tunnel->silent_ms = now_ms + count / LOOKED_AT_PER_MS;
		return false;
	}
	drop(tunnel, visitor, "it had ended and sent nothing, and others wait");
	return true;
}

/* Give a visitor to a spare, if there is one. */
static bool
hand_out(struct tunnel *tunnel, struct pending_visitor *visitor)
{
	struct context *context = tunnel->context;
	struct spare spare;

	if (tunnel->link == NULL || !spares_take(&tunnel->spares, &spare))
		return false;
	if (handout_start(context, tunnel, visitor, &spare,
		tunnel->link->rtt_ms) == ERROR_NONE) {
		/* From here on its descriptor is charged to the visitor. */
		budget_give(&context->budget, BUDGET_SESSION);
		return true;
	}
	/* No buffer is free: the spare can wait for that, not the visitor. */
	if (!spares_return(&tunnel->spares, &spare)) {
		fd_close(&spare.fd);
		budget_give(&context->budget, BUDGET_SESSION);
	}
	return false;
}

static void
log_visitor(const struct pending_visitor *visitor)
{
	char uuid[UUID_TEXT_SIZE];
	char address[ADDRESS_TEXT_SIZE];

	uuid_print(&visitor->uuid, uuid);
	address_print(&visitor->address, address);
	log_debug("visitor %.8s from %s on port %u", uuid, address,
	    (unsigned)visitor->public_port);
}

/* Make a visitor with a place among others. Returns NULL when there is no
 * memory. */
static struct pending_visitor *
make_visitor(struct tunnel *tunnel, int fd, const struct address *address)
{
	struct context *context = tunnel->context;
	struct pending_visitor *visitor = shelf_take(&context->visitors);
	uint8_t random[UUID_BYTES];

	if (visitor == NULL)
		return NULL;
	random_bytes(random, sizeof random);
	memset(visitor, 0, sizeof *visitor);
	visitor->uuid = uuid_of_random(random);
	visitor->fd = fd;
	visitor->address = *address;
	visitor->public_port = tunnel->port;
	visitor->arrived_ms = clock_now_ms();
	visitor->expires_ms = visitor->arrived_ms + context->hold_ms;
	if (!shares_enter(&context->shares, tunnel->share, &visitor->seat,
		source_of_address(address))) {
		shelf_give(&context->visitors, visitor);
		return NULL;
	}
	visitor->pulse = pulse_hold(tunnel->pulse);
	visitor->principal = principal_hold(tunnel->principal);
	return visitor;
}

/* Let a visitor wait. Takes fd. */
static void
welcome(struct tunnel *tunnel, int fd, const struct address *address)
{
	struct context *context = tunnel->context;
	struct pending_visitor *visitor;

	if (!has_waiting_room(tunnel)) {
		turn_away(tunnel, fd, "visitor turned away",
		    "as many as may wait for an absent client do");
		return;
	}
	if (!room_for_visitor(
		context, tunnel->share, source_of_address(address))) {
		turn_away(tunnel, fd, "visitor turned away",
		    budget_reason(&context->budget));
		return;
	}
	visitor = make_visitor(tunnel, fd, address);
	if (visitor == NULL) {
		budget_give(&context->budget, BUDGET_VISITOR);
		turn_away(tunnel, fd, "visitor turned away", strerror(ENOMEM));
		return;
	}
	sockopt_prepare_accepted(fd);
	tunnel->useful = true;
	log_visitor(visitor);
	if (hand_out(tunnel, visitor))
		return;
	proxy_expect(context, visitor, true);
	if (!pending_put(&context->pending, &tunnel->visitors, visitor))
		proxy_drop(context, visitor);
}

/* How long an announced visitor waits to be accepted: its client dials, perhaps
 * authenticates, and accepts. */
static int64_t
accept_within_ms(const struct tunnel *tunnel)
{
	return patience_answer_ms(PROTOCOL_ACCEPT_MS, 2 * tunnel->link->rtt_ms);
}

/* Announce who has not been announced yet, as far as there is room. */
static void
announce_visitors(struct tunnel *tunnel)
{
	struct message message = {.kind = MESSAGE_CONNECTION};
	int64_t expires_ms = clock_now_ms() + accept_within_ms(tunnel);

	while (link_has_room(tunnel->link) &&
	       pending_announce(&tunnel->context->pending, &tunnel->visitors,
		   expires_ms, &message.as.uuid))
		link_put(tunnel->link, &message);
}

/* Whether visitors can be taken from the listener now. */
static bool
accepts(const struct tunnel *tunnel)
{
	return tunnel->rest_ms == 0 &&
	       (tunnel->link == NULL || link_has_room(tunnel->link));
}

static void
accept_visitors(struct tunnel *tunnel)
{
	enum error error = ERROR_NONE;
	struct address address;
	int fd;

	for (int i = 0;
	     i < ACCEPT_MOST && accepts(tunnel) && error != ERROR_AGAIN; i++) {
		error = listen_accept(&tunnel->listener, &fd, &address);
		if (error == ERROR_NONE) {
			welcome(tunnel, fd, &address);
			if (tunnel->link != NULL)
				announce_visitors(tunnel);
		} else if (error != ERROR_RESET && error != ERROR_AGAIN) {
			shed(
			    tunnel, "cannot accept a visitor", strerror(errno));
			crowd_interrupt_one(&tunnel->context->silent);
			tunnel->rest_ms = clock_now_ms() + REST_MS;
		}
	}
}

/* Looks at all that wait: not each time that one comes. */
static void
drop_reset(struct tunnel *tunnel, int64_t now_ms)
{
	struct pending_visitor *visitor =
	    pending_take_reset(&tunnel->context->pending, &tunnel->visitors);

	tunnel->sweep_ms = now_ms + SWEEP_MS;
	while (visitor != NULL) {
		struct pending_visitor *next = pending_next(visitor);

		drop(tunnel, visitor, "it left while it waited");
		visitor = next;
	}
}

static void
drop_expired(struct tunnel *tunnel)
{
	struct pending *pending = &tunnel->context->pending;
	struct pending_visitor *visitor;
	int64_t now_ms = clock_now_ms();

	char why[64] = "the client did not come back in time";

	if (tunnel->link != NULL)
		snprintf(why, sizeof why,
		    "the client did not accept it in %.0f s",
		    (double)accept_within_ms(tunnel) / 1000);
	while ((visitor = pending_expire(pending, &tunnel->visitors, now_ms)) !=
	       NULL)
		drop(tunnel, visitor, why);
	if (tunnel->link != NULL) {
		spares_sweep(&tunnel->spares);
		return; /* who left is found out by serving them */
	}
	if (now_ms >= tunnel->sweep_ms)
		drop_reset(tunnel, now_ms);
}

static void
drop_all(struct tunnel *tunnel)
{
	struct pending_visitor *visitor;

	while ((visitor = pending_expire(&tunnel->context->pending,
		    &tunnel->visitors, CLOCK_NEVER)) != NULL)
		drop(tunnel, visitor, "its tunnel has ended");
}

/* What its data connections tell of this client, over all its control
 * connections. Without memory only heartbeats do. */
static void
follow_pulse(struct tunnel *tunnel)
{
	const struct uuid *instance = &tunnel->link->who.instance;

	if (pulse_is_of(tunnel->pulse, instance))
		return;
	pulse_release(tunnel->pulse);
	tunnel->pulse = pulse_create(instance);
}

/* Returns whether the client was heard on its data connections since the last
 * time. */
static bool
feel_pulse(struct tunnel *tunnel)
{
	bool felt = pulse_take(tunnel->pulse);

	if (felt)
		atomic_store(&tunnel->felt_ms, clock_now_ms());
	return felt;
}

/* The client has said who it is: grant what it can use. */
static void
welcome_announced(struct tunnel *tunnel)
{
	struct link *link = tunnel->link;

	follow_pulse(tunnel);
	link_put_announce(link);
	if (!link_can(link, MESSAGE_CAN_SPARE))
		return;
	/* One that does not know of keys is found by its instance, as long as
	 * no other is. */
	tunnel->key.uuid =
	    link_can(link, MESSAGE_CAN_KEY) ? link->name : link->who.instance;
	tunnel->key.tunnel = tunnel;
	tunnel->key.principal = link_principal(link);
	spares_open(&tunnel->spares, link_principal(link));
	registry_put_key(&tunnel->context->registry, &tunnel->key);
}

/* The control session is over, and so are its spares. */
static void
close_spares(struct tunnel *tunnel)
{
	registry_remove_key(&tunnel->context->registry, &tunnel->key);
	spares_close(&tunnel->spares);
}

/* Where its client is, or was last, keeps a share of the connections that have
 * said nothing yet: it is to come back. */
static void
settle(struct tunnel *tunnel)
{
	struct crowd *silent = &tunnel->context->silent;
	uint64_t source = source_of_address(&tunnel->link->address);

	if (tunnel->is_settled && source == tunnel->source)
		return;
	if (tunnel->is_settled)
		crowd_unsettle(silent, tunnel->source);
	tunnel->source = source;
	tunnel->is_settled = crowd_settle(silent, source);
}

/* Visitors are for whoever holds the port now: a client that has come back with
 * another secret, too. */
static void
follow_principal(struct tunnel *tunnel)
{
	struct principal *principal = link_principal(tunnel->link);

	if (!principal_same(tunnel->principal, principal))
		pending_assign(
		    &tunnel->context->pending, &tunnel->visitors, principal);
	principal_hold(principal);
	principal_release(tunnel->principal);
	tunnel->principal = principal;
}

/* Begin with a link: tell the client its port, in one write with all else. */
static void
greet(struct tunnel *tunnel)
{
	struct link *link = tunnel->link;
	struct message hello = {.kind = MESSAGE_HELLO, .as.port = tunnel->port};

	snprintf(tunnel->peer, sizeof tunnel->peer, "%s", link->peer);
	follow_principal(tunnel);
	link_put(link, &hello);
	if (link->announced)
		welcome_announced(tunnel);
	pending_rewind(&tunnel->context->pending, &tunnel->visitors,
	    clock_now_ms() + tunnel->context->hold_ms);
	announce_visitors(tunnel);
}

/* Let the link go. keep_lease: the client may come back. */
static void
detach(struct tunnel *tunnel, bool keep_lease)
{
	struct context *context = tunnel->context;
	int64_t now_ms = clock_now_ms();
	struct link *link = tunnel->link;
	int64_t lease_ms = keep_lease && link_can(link, MESSAGE_CAN_LEASE)
	                       ? context->lease_ms
	                       : 0;

	tunnel->link = NULL;
	tunnel->away_announced = link->announced;
	tunnel->away_instance = link->who.instance;
	tunnel->away_said_ms = atomic_load(&link->said_ms);
	close_spares(tunnel);
	tunnel->lease_ms = lease_ms;
	tunnel->lease_end_ms = now_ms + lease_ms;
	publish(tunnel);
	pending_rewind(
	    &context->pending, &tunnel->visitors, now_ms + context->hold_ms);
	if (lease_ms > 0 && !atomic_load(&context->stopping))
		notices_tell(&context->notices, NOTICE_GONE, tunnel->source,
		    "client %s is gone (%s); port %u is kept for %.0f s",
		    tunnel->peer, link->reason, (unsigned)tunnel->port,
		    (double)lease_ms / 1000);
	else
		notices_tell(&context->notices, NOTICE_GONE, tunnel->source,
		    "client %s is gone (%s)", tunnel->peer, link->reason);
	link_destroy(link);
}

/* Say whose place the link takes. */
static void
log_adoption(const struct tunnel *tunnel, const struct link *old,
    const struct link *link)
{
	int64_t said_ms =
	    old ? atomic_load(&old->said_ms) : tunnel->away_said_ms;
	bool same =
	    old ? link_same_instance(old, link)
		: tunnel->away_announced && link->announced &&
		      uuid_equal(&tunnel->away_instance, &link->who.instance);

	if (same)
		notices_tell(&tunnel->context->notices, NOTICE_HAS_PORT,
		    tunnel->source, "client %s has port %u, in place of %s",
		    link->peer, (unsigned)tunnel->port, tunnel->peer);
	else
		notices_tell(&tunnel->context->notices, NOTICE_HAS_PORT,
		    tunnel->source,
		    "client %s has port %u, in place of %s, another client "
		    "that was silent for %.1f s",
		    link->peer, (unsigned)tunnel->port, tunnel->peer,
		    (double)(clock_now_ms() - said_ms) / 1000);
}

/* Take a link that was handed over, in place of what we have. */
static void
adopt(struct tunnel *tunnel)
{
	struct link *old = tunnel->link;
	struct message_bye bye;
	struct link *link;

	lock_take(&tunnel->lock);
	link = tunnel->incoming;
	tunnel->incoming = NULL;
	if (link != NULL) {
		tunnel->link = link;
		publish_holder(tunnel);
	}
	lock_give(&tunnel->lock);
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
	condemned = tunnel->holder.condemned;
	lock_give(&tunnel->lock);
	return condemned;
}

/* Read the client, then do what is due with it. */
static void
serve_link(struct tunnel *tunnel)
{
	struct link *link = tunnel->link;
	enum link_event event;
	enum error error;

	do {
		error = link_read(link, &event);
		if (error == ERROR_NONE && event == LINK_ANNOUNCED) {
			link_enter(link);
			welcome_announced(tunnel);
			publish(tunnel);
		}
	} while (error == ERROR_NONE && event == LINK_ANNOUNCED);
	if (error == ERROR_NONE && event == LINK_BYE) {
		detach(tunnel, false);
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
		detach(tunnel, true);
}

static struct pollfd
no_slot(void)
{
	return (struct pollfd){.fd = -1};
}

static int
time_left(struct tunnel *tunnel)
{
	struct context *context = tunnel->context;
	int64_t wake_ms =
	    pending_next_expiry(&context->pending, &tunnel->visitors);

	if (tunnel->link != NULL) {
		wake_ms = clock_earlier(wake_ms, link_due_ms(tunnel->link));
	} else {
		if (wake_ms != CLOCK_NEVER)
			wake_ms = tunnel->sweep_ms;
		wake_ms = clock_earlier(wake_ms, tunnel->lease_end_ms);
	}
	if (tunnel->rest_ms != 0)
		wake_ms = clock_earlier(wake_ms, tunnel->rest_ms);
	if (tunnel->parting != NULL)
		wake_ms = clock_earlier(wake_ms, tunnel->parting_ms);
	return clock_left_ms(wake_ms);
}

/* Close the link that was told its end, once the client has read that. */
static void
see_off(struct tunnel *tunnel)
{
	if (tunnel->parting == NULL || (clock_now_ms() < tunnel->parting_ms &&
					   !link_has_ended(tunnel->parting)))
		return;
	link_destroy(tunnel->parting);
	tunnel->parting = NULL;
}

static void
wait_and_accept(struct tunnel *tunnel)
{
	const int *fds = tunnel->listener.fds;
	bool takes = accepts(tunnel);
	struct pollfd slots[] = {
	    tunnel->link ? link_poll(tunnel->link) : no_slot(),
	    {.fd = takes ? fds[0] : -1, .events = POLLIN},
	    {.fd = takes ? fds[1] : -1, .events = POLLIN},
	    {.fd = tunnel->wakeup.read_fd, .events = POLLIN},
	    {.fd = tunnel->parting ? tunnel->parting->fd : -1,
		.events = POLLIN},
	};

	if (poll(slots, 5, time_left(tunnel)) == -1)
		return;
	if (slots[3].revents != 0)
		wakeup_clear(&tunnel->wakeup);
	if (slots[1].revents != 0 || slots[2].revents != 0)
		accept_visitors(tunnel);
	if (tunnel->rest_ms != 0 && clock_now_ms() >= tunnel->rest_ms)
		tunnel->rest_ms = 0;
	see_off(tunnel);
}

/* The client is away, but serves visitors that it had: the lease counts from that
 * sign of its life. It may be behind a queue that it cannot dial through. */
static void
prolong_lease(struct tunnel *tunnel)
{
	if (tunnel->link == NULL && tunnel->lease_ms > 0 && feel_pulse(tunnel))
		tunnel->lease_end_ms = clock_later(
		    tunnel->lease_end_ms, clock_now_ms() + tunnel->lease_ms);
}

/* Whether nobody would miss the lease, as far as is known. */
static bool
is_unused(struct tunnel *tunnel)
{
	return tunnel->link == NULL && !tunnel->parted &&
	       pending_count(&tunnel->context->pending, &tunnel->visitors) == 0;
}

/* Let the lease be taken away as long as it is unused, when descriptors are
 * short. */
static void
offer_lease(struct tunnel *tunnel)
{
	struct shares *shares = &tunnel->context->shares;
	bool unused = is_unused(tunnel);

	if (unused && !tunnel->has_lease)
		tunnel->has_lease = shares_enter_lease(
		    shares, &tunnel->lease, tunnel->source, tunnel->useful);
	else if (!unused && tunnel->has_lease) {
		shares_leave(shares, &tunnel->lease);
		tunnel->has_lease = false;
	}
}

uint16_t
tunnel_end_lease(struct share_seat *lease)
{
	char *start = (char *)lease - offsetof(struct tunnel, lease);
	const struct tunnel *tunnel = (void *)start;

	wakeup_send(&tunnel->wakeup);
	return tunnel->port;
}

/* Whether its lease is taken away, and nobody has come for it meanwhile. */
static bool
gives_way(struct tunnel *tunnel)
{
	return tunnel->has_lease && shares_is_sent_away(&tunnel->lease) &&
	       is_unused(tunnel);
}

/* Whether the tunnel is over; once it is, nothing is handed over any more. */
static bool
is_over(struct tunnel *tunnel)
{
	bool ending = tunnel->parted && atomic_load(&tunnel->context->ending);
	bool over =
	    ending ||
	    (tunnel->link == NULL &&
		(clock_now_ms() >= tunnel->lease_end_ms || gives_way(tunnel)));

	lock_take(&tunnel->lock);
	if (tunnel->incoming != NULL && !ending)
		over = false;
	/* Before the port can be had by another, who would be forgotten. */
	if (over && !tunnel->ended && !atomic_load(&tunnel->context->stopping))
		grants_remove(&tunnel->context->grants, tunnel->port);
	tunnel->ended = over;
	/* Before anybody sees the end. */
	if (over)
		listen_close(&tunnel->listener);
	lock_give(&tunnel->lock);
	return over;
}

/* The server stops: tell the client, and let no visitor in; those that wait
 * are held until the end. */
static void
part(struct tunnel *tunnel)
{
	const struct message_bye bye = {
	    .retry_ms =
		farewell_retry_ms(tunnel->context->leaving, random_u32())};

	tunnel->parted = true;
	listen_close(&tunnel->listener);
	if (tunnel->link != NULL) {
		tunnel->link->reason = "the server stops";
		link_part(tunnel->link, &bye);
		detach(tunnel, true);
	}
	tunnel->lease_end_ms = CLOCK_NEVER;
}

void
tunnel_run(struct tunnel *tunnel)
{
	struct context *context = tunnel->context;
	struct link *left;

	atomic_fetch_add(&context->tunnels_now, 1);
	settle(tunnel);
	notices_tell(&context->notices, NOTICE_HAS_PORT, tunnel->source,
	    "client %s has port %u", tunnel->link->peer,
	    (unsigned)tunnel->port);
	greet(tunnel);
	while (!is_over(tunnel)) {
		wait_and_accept(tunnel);
		adopt(tunnel);
		if (tunnel->link != NULL)
			serve_link(tunnel);
		prolong_lease(tunnel);
		if (atomic_load(&context->stopping) &&
		    (!tunnel->parted || tunnel->link != NULL))
			part(tunnel);
		if (!tunnel->parted)
			drop_expired(tunnel);
		if (tunnel->link != NULL)
			announce_visitors(tunnel);
		offer_lease(tunnel);
	}
	close_spares(tunnel);
	registry_remove(&context->registry, tunnel->port, tunnel);
	lock_take(&tunnel->lock);
	left = tunnel->incoming;
	tunnel->incoming = NULL;
	lock_give(&tunnel->lock);
	link_destroy(left);
	link_destroy(tunnel->parting);
	link_destroy(tunnel->link);
	drop_all(tunnel);
	if (tunnel->is_settled)
		crowd_unsettle(&context->silent, tunnel->source);
	shares_close(&context->shares, tunnel->share);
	budget_give(&context->budget, BUDGET_TUNNEL);
	if (tunnel->has_lease)
		shares_leave(&context->shares, &tunnel->lease);
	atomic_fetch_sub(&context->tunnels_now, 1);
	context_tidy(context);
	notices_tell(&context->notices, NOTICE_PORT_FREE, tunnel->source,
	    "port %u is free", (unsigned)tunnel->port);
	tunnel_release(tunnel);
}
