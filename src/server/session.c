/* session - see session.h */
#include "server/session.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/patience.h"
#include "base/protocol_times.h"
#include "net/sockopt.h"
#include "net/source.h"
#include "net/tcp.h"
#include "os/stack_trim.h"
#include "relay/buffers.h"
#include "server/port_claim.h"
#include "server/proxy.h"
#include "server/stream_proxy.h"
#include "server/tunnel.h"
#include "wire/auth.h"
#include "wire/channel.h"

/* A peer that has been silent for this long may be waiting for a challenge. */
#define HINT_MS 2000
/* No hint is given if a visitor was announced within this time: the peer may be
 * a late data connection. A client ignores announcements older than 9 s, and
 * may have begun to dial by then, over a path as slow as patience.h allows. */
#define QUIET_MS 30000
/* How much of the budget's reserve connections to the control port may take
 * before silent ones are closed: room.h makes up for it. */
#define OVER_MOST 4
/* RESUME with its head. */
#define RESUME_FRAME_BYTES (STREAM_HEAD_BYTES + STREAM_RESUME_BYTES)

/* What a connection has turned out to be. */
struct role {
	/* At most one of the two; neither if nothing is left to do. */
	struct tunnel *tunnel;
	bool is_proxy;
	struct proxy proxy;
};

struct session {
	struct server_state *server;
	struct transport transport;
	const struct uuid *challenge;
	struct address address;
	uint64_t source;
	char peer[ADDRESS_TEXT_SIZE];
	struct crowd_entry entry;
	struct channel channel;
	uint32_t patience_ms; /* for each message */
	bool hinted;
	bool ignored; /* its answer was not examined */
	/* The key that it authenticated with; NULL: none. */
	struct keyring_key *key;
	/* What RESUME said, and what was read behind it. */
	struct stream_resume resume;
	struct stream_news news;
};

static void
release_peer(struct session *session)
{
	struct server_state *server = session->server;

	free(session->news.rest);
	session->news.rest = NULL;
	transport_close(&session->transport);
	keyring_release(&server->keys, session->key);
	session->key = NULL;
	budget_give(server->options->budget, BUDGET_SESSION);
}

static void
refuse_peer(struct session *session, const char *text)
{
	channel_refuse(&session->channel, text, NULL,
	    clock_now_ms() + PROTOCOL_REFUSED_READS_MS);
}

/* How to treat a peer whose first messages could not be received. */
static const struct rejection {
	enum error error;
	/* A failed authentication, if the server has a secret. */
	bool is_failure;
	enum notice notice;
	const char *what; /* for the log, after the peer's address */
	const char *text; /* for the peer; NULL: send nothing */
} rejections[] = {
    {ERROR_DENIED, true, NOTICE_WRONG_SECRET, "refused: wrong secret",
	"invalid secret"},
    {ERROR_INVALID, true, NOTICE_NO_SECRET, "refused: it did not authenticate",
	"server requires secret, but no secret was provided"},
    {ERROR_PROTOCOL, true, NOTICE_NO_MESSAGE,
	"dropped: what it sent is no message of the protocol",
	"unable to parse message"},
    {ERROR_TIMEOUT, false, NOTICE_SILENT, "dropped: it said nothing",
	"timed out waiting for initial message"},
    {ERROR_CLOSED, false, NOTICE_LEFT, "left without a word", NULL},
    {ERROR_RESET, false, NOTICE_LEFT, "left without a word", NULL},
};

/* Loopback, and sources that have a tunnel, cannot be shut out by what others
 * do at the same address. */
static bool
is_exempt(struct server_state *server, uint64_t source)
{
	return source_is_loopback(source) ||
	       crowd_is_settled(&server->silent, source);
}

/* Whether the source has failed to authenticate too often recently. */
static bool
is_refused(struct server_state *server, uint64_t source)
{
	bool refuses = false;

	if (server->has_secret) {
		lock_take(&server->lock);
		refuses = penalties_refuses(
		    &server->penalties, source, clock_now_ms());
		lock_give(&server->lock);
	}
	return refuses && !is_exempt(server, source);
}

static void
shut_out(struct session *session, unsigned refused_ms)
{
	struct server_state *server = session->server;
	char source[SOURCE_TEXT_SIZE];

	source_print(session->source, source);
	/* Connections that wait for their refusal still get it: clients need it
	 * to look for another secret. The first time the source's other
	 * connections go on as well, and their answers are examined while the
	 * source has a place to wait in. */
	if (refused_ms > PENALTIES_REFUSED_MS) {
		notices_tell(&server->notices, NOTICE_SHUT_OUT, session->source,
		    "%s goes on failing to authenticate; its connections are "
		    "closed for %u s",
		    source, refused_ms / 1000);
		crowd_interrupt_source(&server->silent, session->source);
		return;
	}
	notices_tell(&server->notices, NOTICE_SHUT_OUT, session->source,
	    "%s failed to authenticate %d times within a minute; its "
	    "connections are closed for %u s",
	    source, PENALTIES_FAILURES, refused_ms / 1000);
}

/* The source has failed too often: refuse it for refused_ms, unless it has a
 * tunnel or may return for one that it had before a restart. */
static void
punish(struct session *session, unsigned refused_ms, int64_t now_ms)
{
	struct server_state *server = session->server;
	int64_t spared_until_ms = now_ms;

	if (!is_exempt(server, session->source))
		spared_until_ms = port_memory_expected_until_ms(
		    &server->port_memory, &session->address);
	if (spared_until_ms == 0) {
		shut_out(session, refused_ms);
		return;
	}
	lock_take(&server->lock);
	penalties_spare(&server->penalties, session->source, spared_until_ms);
	lock_give(&server->lock);
}

/* Delay the answer to a failed authentication, so that guessing takes time.
 * Returns false when there is nobody left to answer. */
static bool
make_wait(struct session *session)
{
	struct server_state *server = session->server;
	int64_t now_ms = clock_now_ms();
	bool may_wait = crowd_linger(&server->silent, &session->entry);
	unsigned refused_ms;
	unsigned delay_ms;

	lock_take(&server->lock);
	delay_ms = penalties_fail(
	    &server->penalties, session->source, now_ms, &refused_ms);
	lock_give(&server->lock);
	if (refused_ms > 0)
		punish(session, refused_ms, now_ms);
	return may_wait &&
	       channel_drain(&session->channel, now_ms + delay_ms) ==
	           ERROR_TIMEOUT &&
	       !crowd_interrupted(&session->entry);
}

static void
reject_as(struct session *session, const struct rejection *rejection)
{
	struct server_state *server = session->server;

	if (rejection->error == ERROR_TIMEOUT)
		notices_tell(&server->notices, rejection->notice,
		    session->source, "%s %s for %u s", session->peer,
		    rejection->what, (unsigned)(session->patience_ms / 1000));
	else
		notices_tell(&server->notices, rejection->notice,
		    session->source, "%s %s", session->peer, rejection->what);
	if (rejection->text == NULL)
		return;
	if (rejection->is_failure && server->has_secret && !make_wait(session))
		return;
	refuse_peer(session, rejection->text);
}

/* Refuse or drop a peer whose first messages could not be received, and log
 * it. */
static void
reject_peer(struct session *session, enum error error)
{
	if (session->ignored || (error == ERROR_CLOSED && session->hinted))
		return;
	for (size_t i = 0; i < sizeof rejections / sizeof *rejections; i++)
		if (rejections[i].error == error) {
			reject_as(session, &rejections[i]);
			return;
		}
	notices_tell(&session->server->notices, NOTICE_BROKEN, session->source,
	    "%s dropped: %s", session->peer,
	    error == ERROR_MEMORY ? error_text(error) : strerror(errno));
}

/*
 * A client with a secret waits for a challenge and would never learn that this
 * server has none. The hint does no harm to a client whose first message is
 * late, except on a data connection, where every byte is taken for the
 * visitor's.
 */
static void
hint(struct session *session)
{
	struct message message = {.kind = MESSAGE_ERROR};
	size_t size;

	channel_rest(&session->channel, &size);
	if (size > 0 || !pending_is_quiet(&session->server->pending,
			    clock_now_ms() - QUIET_MS))
		return;
	session->hinted = true;
	notices_tell(&session->server->notices, NOTICE_HINT, session->source,
	    "%s is silent: it may wait for a challenge, as a client with a "
	    "secret does; this server has none",
	    session->peer);
	snprintf(message.as.text, sizeof message.as.text, "%s", AUTH_NO_SECRET);
	if (channel_put(&session->channel, &message) == ERROR_NONE)
		(void)channel_flush(&session->channel);
}

/* Wait for the message that names the role, without authentication. */
static enum error
hear_anybody(struct session *session, struct message *message)
{
	int64_t start_ms = clock_now_ms();
	enum error error =
	    channel_receive(&session->channel, message, start_ms + HINT_MS);

	if (error != ERROR_TIMEOUT)
		return error;
	hint(session);
	return channel_receive(
	    &session->channel, message, start_ms + session->patience_ms);
}

/* Wait for the answer to the challenge, then for the message that names the
 * role. */
static enum error
hear_role(struct session *session, struct message *message)
{
	struct server_state *server = session->server;
	bool is_valid = false;
	enum error error;

	if (!server->has_secret)
		return hear_anybody(session, message);
	error = auth_await_answer(
	    &session->channel, message, clock_now_ms() + session->patience_ms);
	if (error)
		return error;
	/* Connections opened before the source was shut out must not serve for
	 * guessing. */
	session->ignored = is_refused(server, session->source) &&
	                   !crowd_linger(&server->silent, &session->entry);
	if (session->ignored)
		return ERROR_DENIED;
	session->key = keyring_find(
	    &server->keys, session->challenge, message->as.text, &is_valid);
	if (session->key == NULL)
		return ERROR_DENIED;
	error = channel_receive(
	    &session->channel, message, clock_now_ms() + session->patience_ms);
	/* A replaced key is good for data connections, not for a new tunnel. */
	if (error == ERROR_NONE && message->kind == MESSAGE_HELLO && !is_valid)
		error = ERROR_DENIED;
	return error;
}

/* The client has authenticated, so its source is not merely guessing. */
static void
forgive(struct session *session)
{
	struct server_state *server = session->server;

	if (!server->has_secret)
		return;
	lock_take(&server->lock);
	penalties_forgive(&server->penalties, session->source);
	lock_give(&server->lock);
}

/* Become a tunnel's thread, or hand the connection over to one. Ends the
 * session. */
static struct tunnel *
be_tunnel(struct session *session, uint16_t asked)
{
	struct server_state *server = session->server;
	struct link *link = link_create(
	    server, session->transport, &session->channel, &session->address);

	if (link == NULL) {
		notices_tell(&server->notices, NOTICE_BROKEN, session->source,
		    "%s dropped: %s", session->peer, error_text(ERROR_MEMORY));
		release_peer(session);
		return NULL;
	}
	sockopt_set_keepalive(
	    transport_fd(&session->transport), &sockopt_keepalive_control);
	/* The link owns the connection now, with a place in the budget. */
	session->transport = (struct transport)TRANSPORT_INITIALIZER;
	link->key = session->key;
	session->key = NULL;
	budget_force(server->options->budget, BUDGET_SESSION);
	release_peer(session);
	return port_claim(link, asked);
}

/* Serve a visitor, if it still waits. Ends the session. Returns whether there
 * is something to relay. */
static bool
be_proxy(struct session *session, const struct uuid *uuid, struct proxy *proxy)
{
	struct server_state *server = session->server;
	const char *rest;

	rest = channel_rest(&session->channel, &proxy->early_size);
	proxy->server = server;
	proxy->data = session->transport;
	proxy->early = buffers_copy(rest, proxy->early_size);
	proxy->visitor = NULL;
	/* A drain must not miss the visitor once it has left pending. */
	proxy->is_expected = true;
	roster_expect(&server->active);
	if (proxy->early != NULL || proxy->early_size == 0) {
		proxy->visitor = pending_accept(
		    &server->pending, uuid, keyring_principal(session->key));
		if (proxy->visitor == NULL)
			notices_tell(&server->notices, NOTICE_NOT_WAITING,
			    session->source,
			    "%s accepts a visitor that does not wait any more",
			    session->peer);
	}
	if (proxy->visitor != NULL)
		session->transport = (struct transport)
		    /* Its descriptor is charged to the visitor. */
		    TRANSPORT_INITIALIZER;
	else {
		buffers_return(proxy->early);
		roster_arrive(&server->active);
	}
	release_peer(session);
	return proxy->visitor != NULL;
}

/* Whether both ends of the connection are on this host. */
static bool
is_local(const struct session *session)
{
	struct address own;

	return address_is_loopback(&session->address) ||
	       (address_of_socket(transport_fd(&session->transport), &own) &&
		   address_same_host(&own, &session->address));
}

/* Copy what was read of the frames behind the message: as much of RESUME as is
 * there, and what follows it. */
static enum error
split_rest(struct session *session, uint8_t bytes[static RESUME_FRAME_BYTES],
    size_t *got)
{
	struct stream_news *news = &session->news;
	const char *early;
	size_t size;

	early = channel_rest(&session->channel, &size);
	*got = size < RESUME_FRAME_BYTES ? size : RESUME_FRAME_BYTES;
	memcpy(bytes, early, *got);
	news->rest_size = size - *got;
	if (news->rest_size == 0)
		return ERROR_NONE;
	news->rest = malloc(news->rest_size);
	if (news->rest == NULL)
		return ERROR_MEMORY;
	memcpy(news->rest, early + *got, news->rest_size);
	return ERROR_NONE;
}

/* Read the frame RESUME, which belongs to the message Resume: before it has
 * come, it is not known what the connection is for. */
static enum error
hear_resume(struct session *session)
{
	uint8_t bytes[RESUME_FRAME_BYTES];
	int64_t deadline_ms = clock_now_ms() + session->patience_ms;
	struct stream_head head;
	size_t got;
	enum error error = split_rest(session, bytes, &got);

	while (got < sizeof bytes && error == ERROR_NONE) {
		size_t more;

		error = transport_read(&session->transport, bytes + got,
		    sizeof bytes - got, &more);
		got += more;
		if (error == ERROR_AGAIN)
			error = transport_wait(
			    &session->transport, POLLIN, deadline_ms);
	}
	if (error == ERROR_NONE)
		error = stream_frame_decode_head(bytes, &head);
	if (error == ERROR_NONE && head.type != STREAM_RESUME)
		error = ERROR_PROTOCOL;
	return error ? error
	             : stream_frame_decode_resume(bytes + STREAM_HEAD_BYTES,
			   head.length, &session->resume);
}

/* Give the connection to the stream that goes on there. Ends the session. */
static void
be_resumed(struct session *session)
{
	struct server_state *server = session->server;
	struct stream_news *news = &session->news;

	news->data = session->transport;
	news->attempt = session->resume.attempt;
	news->place = session->resume.place;
	if (stream_directory_bring(&server->streams, &session->resume.id,
		keyring_principal(session->key), news)) {
		/* Its descriptor is charged to the visitor. */
		session->transport = (struct transport)TRANSPORT_INITIALIZER;
		news->rest = NULL;
	} else {
		stream_proxy_answer(
		    server, &session->transport, &session->resume);
	}
	release_peer(session);
}

/* Add the connection to the spares of the tunnel that has the key. Ends the
 * session. */
static void
be_server_spare(struct session *session, const struct uuid *key)
{
	struct server_state *server = session->server;
	const struct principal *principal = keyring_principal(session->key);
	struct tunnel *tunnel =
	    registry_find_key(&server->registry, key, principal);
	size_t size;

	channel_rest(&session->channel, &size);
	if (tunnel != NULL && size == 0 &&
	    (budget_is_ample(server->options->budget) ||
		tunnel_wants_spare(tunnel)) &&
	    tunnel_add_spare(
		tunnel, session->transport, principal, is_local(session))) {
		session->transport = (struct transport)TRANSPORT_INITIALIZER;
		budget_force(
		    /* The spare's own. */
		    server->options->budget, BUDGET_SESSION);
	}
	if (tunnel != NULL)
		tunnel_release(tunnel);
	release_peer(session);
}

static bool
names_role(const struct session *session, const struct message *message)
{
	switch (message->kind) {
	case MESSAGE_HELLO:
	case MESSAGE_ACCEPT:
	case MESSAGE_SPARE:
		return true;
	case MESSAGE_STREAM:
	case MESSAGE_RESUME:
		return session->server->options->resume_ms > 0;
	default:
		return false;
	}
}

/* Whether a connection may begin with this message; if not, it is refused. */
static bool
is_role(struct session *session, const struct message *message)
{
	if (names_role(session, message))
		return true;
	notices_tell(&session->server->notices, NOTICE_BEGAN_WITH,
	    session->source, "%s dropped: it began with %s", session->peer,
	    message->kind == MESSAGE_UNKNOWN ? message->as.text
					     : message_name(message->kind));
	refuse_peer(session, "unable to parse message");
	return false;
}

/* Ends the session. */
static void
play_role(
    struct session *session, const struct message *message, struct role *role)
{
	switch (message->kind) {
	case MESSAGE_HELLO:
		forgive(session);
		role->tunnel = be_tunnel(session, message->as.port);
		break;
	case MESSAGE_ACCEPT:
		role->is_proxy =
		    be_proxy(session, &message->as.uuid, &role->proxy);
		break;
	case MESSAGE_RESUME:
		be_resumed(session);
		break;
	case MESSAGE_SPARE:
	case MESSAGE_STREAM:
		be_server_spare(session, &message->as.uuid);
		break;
	default:
		assert(false); /* excluded by is_role() */
		break;
	}
}

/* Learn what the connection is for. While this waits, the connection may be
 * interrupted to make room. Returns whether the session goes on; if not, its
 * peer has been refused or dropped. */
static bool
learn_role(struct session *session, struct message *message)
{
	enum error error = hear_role(session, message);
	bool is_resume = false;

	if (error == ERROR_NONE && !crowd_interrupted(&session->entry)) {
		if (!is_role(session, message))
			return false;
		is_resume = message->kind == MESSAGE_RESUME;
	}
	if (is_resume)
		error = hear_resume(session);
	if (crowd_interrupted(&session->entry))
		log_debug("%s dropped to make room", session->peer);
	else if (is_resume && error)
		notices_tell(&session->server->notices, NOTICE_BROKEN,
		    session->source, "%s dropped: no frame RESUME: %s",
		    session->peer, error_text(error));
	else if (error)
		reject_peer(session, error);
	return error == ERROR_NONE && !crowd_interrupted(&session->entry);
}

/* Ends the session. */
static void
converse(struct session *session, struct role *role)
{
	struct server_state *server = session->server;
	struct message message;
	bool goes_on;
	bool made_room;

	if (crowd_enter(&server->silent, &session->entry,
		transport_fd(&session->transport), session->source,
		&made_room)) {
		release_peer(session);
		return;
	}
	if (made_room)
		server_state_warn_shed(server,
		    "too many connections have said nothing yet; the oldest "
		    "of the source that has most is dropped");
	goes_on = learn_role(session, &message);
	crowd_leave(&server->silent, &session->entry);
	/* Check again: a connection interrupted at the last moment was not read
	 * to its end. */
	if (goes_on && !crowd_interrupted(&session->entry))
		play_role(session, &message, role);
	else
		release_peer(session);
}

/* Find out what the connection is for. */
STACK_TRIM_APART static void
receive(const struct session_order *order, struct role *role)
{
	struct session session = {.server = order->server,
	    .transport = order->transport,
	    .challenge = &order->challenge,
	    .patience_ms = patience_answer_ms(PROTOCOL_HANDSHAKE_MS,
		tcp_rtt_ms(transport_fd(&order->transport))),
	    .address = order->address,
	    .source = source_of_address(&order->address)};

	address_print(&order->address, session.peer);
	channel_init(&session.channel, session.transport);
	converse(&session, role);
}

static void
run_session(void *argument)
{
	struct session_order *order = argument;
	struct server_state *server = order->server;
	struct role role = {.tunnel = NULL, .is_proxy = false};

	receive(order, &role);
	object_cache_give(&server->sessions, order);
	if (role.tunnel != NULL)
		tunnel_run(role.tunnel);
	else if (role.is_proxy)
		proxy_run(&role.proxy);
}

/* Send the challenge. */
static enum error
challenge(struct session_order *order)
{
	struct channel channel;

	sockopt_prepare_accepted(transport_fd(&order->transport));
	if (!order->server->has_secret)
		return ERROR_NONE;
	channel_init(&channel, order->transport);
	return auth_challenge(&channel, &order->challenge);
}

/* The challenge is sent before a thread is woken: by the time that runs, the
 * answer may have arrived. */
static enum error
start_session(struct session_order *order)
{
	struct server_state *server = order->server;
	enum error error = ERROR_NONE;

	if (!budget_force(server->options->budget, BUDGET_SESSION) &&
	    budget_excess(server->options->budget, 0) > OVER_MOST) {
		server_state_reclaim(server);
		crowd_interrupt_one(&server->silent);
	}
	error = challenge(order);
	if (error == ERROR_NONE)
		error = thread_pool_run(server->threads, run_session, order);
	if (error)
		budget_give(server->options->budget, BUDGET_SESSION);
	return error;
}

/* Whether the peer is to be closed at once; logs it. */
static bool
is_shut_out(struct server_state *server, const struct address *peer)
{
	uint64_t source = source_of_address(peer);
	char text[SOURCE_TEXT_SIZE];

	if (!is_refused(server, source))
		return false;
	source_print(source, text);
	notices_tell(&server->notices, NOTICE_SHUT_OUT, source,
	    "%s has failed to authenticate too often; its connections are "
	    "closed for a while",
	    text);
	return true;
}

void
session_start(struct server_state *server, struct transport transport,
    const struct address *peer)
{
	struct session_order *order;
	enum error error = ERROR_MEMORY;
	char why[160];

	if (is_shut_out(server, peer)) {
		transport_reset(&transport);
		transport_close(&transport);
		return;
	}
	order = object_cache_take(&server->sessions);
	if (order != NULL) {
		*order = (struct session_order){
		    .server = server, .transport = transport, .address = *peer};
		error = start_session(order);
	}
	if (error == ERROR_NONE)
		return;
	/* A peer that has already left is not worth a line. */
	if (error != ERROR_RESET && error != ERROR_CLOSED) {
		snprintf(why, sizeof why, "a connection was turned away: %s",
		    error == ERROR_RESOURCES ? strerror(errno)
					     : error_text(error));
		server_state_warn_shed(server, why);
		crowd_shrink(&server->silent, clock_now_ms());
	}
	transport_close(&transport);
	object_cache_give(&server->sessions, order);
}
