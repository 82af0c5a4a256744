/*
 * link - a control connection that has passed Hello.
 *
 * Created by the session that received Hello, then given to the thread of a
 * tunnel, new or existing, which alone uses it from then on. Knows who the
 * client is, sends heartbeats, and notices when the client is gone.
 */
#ifndef REBORE_SERVER_LINK_H
#define REBORE_SERVER_LINK_H

#include <poll.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "net/address.h"
#include "net/transport.h"
#include "server/server_state.h"
#include "wire/channel.h"

struct link {
	/* Set by link_create(), then read-only. */
	struct server_state *server;
	char peer[ADDRESS_TEXT_SIZE];
	struct address address;
	int64_t start_ms;
	struct transport transport;
	/* The key that the client authenticated with, held by the link. NULL:
	 * none. */
	struct keyring_key *key;
	/* Random; identifies this connection to its spares. */
	struct uuid name;

	/* When the client was last heard on this connection. */
	_Atomic int64_t said_ms;

	/* Set by link_enter(), then read-only: the place in the registry. */
	struct registry_entry entry;

	/* The owning thread's alone; announced and who do not change after
	 * link_enter(). */
	struct channel channel;
	/* The client has announced itself; if it can, it sends heartbeats,
	 * too. */
	bool announced;
	struct message_announce who;
	/* Data connections that the client has refused to open; for the door
	 * to take. */
	unsigned refused;
	int64_t heard_ms;
	int64_t heartbeat_ms;   /* when the next one is due */
	uint32_t rtt_ms;        /* as of the last heartbeat; 0: not known */
	uint32_t segments;      /* segments received by the last heartbeat */
	uint32_t retransmit_ms; /* the limit TCP was given */
	/* Since when nothing could be written; 0: writing is possible. */
	int64_t stalled_ms;
	bool unknown_is_logged;
	/* Why the link is lost: a constant, or what strerror() returned. */
	const char *reason;
};

/* What link_read() finds, besides a lost link. */
enum link_event {
	LINK_NOTHING,
	/* The client has just announced itself. */
	LINK_ANNOUNCED,
	/* The client ends on purpose. */
	LINK_BYE,
};

/*
 * Take over a connection, what was read from it, and its place in the budget.
 *
 * transport: the link's on success. channel: the connection's; copied.
 * Returns NULL when out of memory.
 */
struct link *link_create(struct server_state *server,
    struct transport transport, const struct channel *channel,
    const struct address *peer);

/* Enter it in the registry, under its instance. It must have announced itself
 * and must not be in the registry yet. */
void link_enter(struct link *link);

/* Whether both have announced themselves, with the same instance. */
bool link_same_instance(const struct link *a, const struct link *b);

/* Remove it from the registry and close it. NULL is legal. */
void link_destroy(struct link *link);

/*
 * Wait for Announce, until deadline_ms. Only before the link is given to a
 * tunnel.
 *
 * Returns ERROR_NONE also if none has come; an error when the link is lost.
 */
enum error link_await_announce(struct link *link, int64_t deadline_ms);

/*
 * Read what has arrived, up to a bound, and process the next message.
 *
 * event: set; call again until it is LINK_NOTHING.
 * Returns an error when the link is lost, with reason set.
 */
enum error link_read(struct link *link, enum link_event *event);

/* Returns whom the client has authenticated as; NULL: nobody. Valid as long as
 * the link, unless the caller holds a reference. */
struct principal *link_principal(const struct link *link);

/* Whether the client has announced this ability. */
bool link_can(const struct link *link, enum message_ability ability);

/* Returns how long a stream of this client may be interrupted; 0: its data
 * connections carry no streams. */
uint32_t link_resume_ms(const struct link *link);

/* The client was heard on another connection, which counts as a heartbeat. */
void link_hear(struct link *link);

/* Whether one more message can be queued. */
bool link_has_room(const struct link *link);

/* Queue a message. The caller has made sure that there is room
 * (link_has_room()). */
void link_put(struct link *link, const struct message *message);

/* Queue our Announce, with the abilities and limits of the server. */
void link_put_announce(struct link *link);

/*
 * Queue a heartbeat if one is due, write what is queued, and check that the
 * client is still there. Call it after link_read(), so that messages which
 * arrived while the process was suspended count.
 *
 * Returns an error when the link is lost, with reason set.
 */
enum error link_do_due(struct link *link);

/* Returns when link_do_due() is due. */
int64_t link_due_ms(const struct link *link);

/* Returns what to poll for. */
struct pollfd link_poll(const struct link *link);

/* Send Bye to a client that has announced itself, if it can be written at once.
 * bye: NULL sends nothing. */
void link_part(struct link *link, const struct message_bye *bye);

/*
 * Remove it from the registry and shut down our sending side. Closing at once
 * would reset a connection on which the client still sends, and our last
 * message could be lost.
 */
void link_begin_end(struct link *link);

/* Discard what the client still sends after link_begin_end(). Returns whether
 * the client has ended, too. */
bool link_has_ended(struct link *link);

#endif
