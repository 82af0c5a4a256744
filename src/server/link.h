/*
 * link - a control connection that has passed Hello.
 *
 * Made by the session that heard the Hello, and given to the thread of a tunnel,
 * its own or another, which alone uses it from then on. Knows who the client is,
 * sends heartbeats, and finds out when the client is gone.
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
	/* The key that the client has proved, held by the link. NULL: none. */
	struct keyring_key *key;
	/* Random: the name of this connection, for its spares. */
	struct uuid name;

	/* When the client said something last on this connection. */
	_Atomic int64_t said_ms;

	/* Set by link_enter(), then read-only: the place in the registry. */
	struct registry_entry entry;

	/* The owner's alone; announced and who do not change once link_enter()
	 * was called. */
	struct channel channel;
	/* The client has said who it is; then it sends heartbeats, too. */
	bool announced;
	struct message_announce who;
	int64_t heard_ms;
	int64_t heartbeat_ms;   /* when the next one is due */
	uint32_t rtt_ms;        /* at the last heartbeat; 0: not known */
	uint32_t segments;      /* that had come until then */
	uint32_t retransmit_ms; /* the longest that TCP is told */
	int64_t stalled_ms; /* since when nothing could be sent; 0: it can */
	bool told_unknown;
	/* Why the link is lost: a constant, or what strerror() returned. */
	const char *reason;
};

/* What reading a link can bring, besides its loss. */
enum link_event {
	LINK_NOTHING,
	/* The client has just said who it is. */
	LINK_ANNOUNCED,
	/* The client ends on purpose. */
	LINK_BYE,
};

/*
 * Take over a connection and what was read from it, and its place in the budget.
 *
 * transport: the link's on success. channel: over it; copied.
 * Returns NULL when there is no memory.
 */
struct link *link_create(struct server_state *server,
    struct transport transport, const struct channel *channel,
    const struct address *peer);

/* Enter it in the registry, as a connection of its instance. It must have
 * announced itself, and not be entered yet. */
void link_enter(struct link *link);

/* Whether both have announced themselves, with the same instance. */
bool link_same_instance(const struct link *a, const struct link *b);

/* Leave the registry and close it. NULL is legal. */
void link_destroy(struct link *link);

/*
 * Wait until the client has said who it is, or until deadline_ms. Only before
 * the link is given to a tunnel.
 *
 * Returns ERROR_NONE also when it has not; an error when the link is lost.
 */
enum error link_await_announce(struct link *link, int64_t deadline_ms);

/*
 * Read what has arrived, up to a bound, and look at the next message.
 *
 * event: set; call again as long as it is not LINK_NOTHING.
 * Returns an error when the link is lost, with reason set.
 */
enum error link_read(struct link *link, enum link_event *event);

/* Returns who the client has proved to be. NULL: nobody. It lives as long as the
 * link, unless the caller holds it. */
struct principal *link_principal(const struct link *link);

/* Whether the client has announced itself, with this ability. */
bool link_can(const struct link *link, enum message_ability ability);

/* The client was heard on another connection: counts as a heartbeat. */
void link_hear(struct link *link);

/* Whether one more message can be queued. */
bool link_has_room(const struct link *link);

/* Queue a message. The caller knows that there is room (link_has_room()). */
void link_put(struct link *link, const struct message *message);

/* Queue our own Announce, with what the server port_memory. */
void link_put_announce(struct link *link);

/*
 * Queue a heartbeat if one is due, write what is queued, and see whether the
 * client is still there. Call after link_read(), so that what has arrived
 * while the process was stopped counts.
 *
 * Returns an error when the link is lost, with reason set.
 */
enum error link_do_due(struct link *link);

/* Returns when link_do_due() is due. */
int64_t link_due_ms(const struct link *link);

/* Returns what to poll for. */
struct pollfd link_poll(const struct link *link);

/* Say Bye to a client that has announced itself, if that can be written at once.
 * bye: NULL says nothing. */
void link_part(struct link *link, const struct message_bye *bye);

/*
 * Leave the registry and end our sending side. Closed at once, a link whose client
 * still sends would be reset, and what it was told last would be lost.
 */
void link_begin_end(struct link *link);

/* Drop what the client still sends after link_begin_end(). Returns whether it has
 * ended, too. */
bool link_has_ended(struct link *link);

#endif
