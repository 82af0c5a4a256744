/* session - see session.h */
#include "server/session.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "net/sockopt.h"
#include "os/fd.h"
#include "server/claim.h"
#include "server/proxy.h"
#include "server/tunnel.h"
#include "wire/auth.h"
#include "wire/channel.h"

/* For each message of the handshake. */
#define HANDSHAKE_MS 3000
/* To read why one is refused. */
#define REFUSE_MS 1000

struct session {
	struct context *context;
	int fd;
	struct address address;
	char peer[ADDRESS_TEXT_SIZE];
	struct roster_entry entry;
	struct channel channel;
};

static void
end(struct session *session)
{
	struct context *context = session->context;

	fd_close(&session->fd);
	free(session);
	budget_give(&context->budget, BUDGET_SESSION);
}

static void
refuse(struct session *session, const char *text)
{
	channel_refuse(&session->channel, text, clock_now_ms() + REFUSE_MS);
}

/* Say what became of a peer whose first messages were not to be had. */
static void
reject(struct session *session, enum error error)
{
	const char *peer = session->peer;

	switch (error) {
	case ERROR_DENIED:
		log_warning("%s refused: wrong secret", peer);
		refuse(session, "invalid secret");
		break;
	case ERROR_INVALID:
		log_warning("%s refused: it did not authenticate", peer);
		refuse(session,
		    "server requires secret, but no secret was provided");
		break;
	case ERROR_TIMEOUT:
		log_warning("%s dropped: it said nothing for 3 s", peer);
		refuse(session, "timed out waiting for initial message");
		break;
	case ERROR_PROTOCOL:
		log_warning("%s dropped: what it sent is no message of the "
			    "protocol",
		    peer);
		refuse(session, "unable to parse message");
		break;
	case ERROR_CLOSED:
		log_info("%s left without a word", peer);
		break;
	default:
		log_warning("%s dropped: %s", peer,
		    error == ERROR_MEMORY ? error_text(error)
					  : strerror(errno));
		break;
	}
}

/* Authenticate, and wait for the message that tells the role. */
static enum error
hear(struct session *session, struct message *message)
{
	const struct auth_key *key = session->context->key;
	enum error error = ERROR_NONE;

	if (key != NULL)
		error = auth_challenge(
		    &session->channel, key, clock_now_ms() + HANDSHAKE_MS);
	if (error == ERROR_NONE)
		error = channel_receive(
		    &session->channel, message, clock_now_ms() + HANDSHAKE_MS);
	return error;
}

/* Be a tunnel's thread, or give the connection to one. Takes the session. */
static void
be_tunnel(struct session *session, uint16_t asked)
{
	struct context *context = session->context;
	struct link *link = link_create(
	    context, session->fd, &session->channel, &session->address);
	struct tunnel *tunnel;

	if (link == NULL) {
		log_warning(
		    "%s dropped: %s", session->peer, error_text(ERROR_MEMORY));
		end(session);
		return;
	}
	/* The link has the descriptor now, and a place in the budget. */
	session->fd = -1;
	budget_force(&context->budget, BUDGET_SESSION);
	end(session);
	tunnel = claim_port(link, asked);
	if (tunnel != NULL)
		tunnel_run(tunnel);
}

/* Take what came behind the last frame: a copy, or NULL where there is nothing.
 * Out of memory is ERROR_MEMORY. */
static enum error
take_early(const struct session *session, char **early, size_t *size)
{
	const char *rest = channel_rest(&session->channel, size);

	*early = NULL;
	if (*size == 0)
		return ERROR_NONE;
	*early = malloc(*size);
	if (*early == NULL)
		return ERROR_MEMORY;
	memcpy(*early, rest, *size);
	return ERROR_NONE;
}

/* Serve a visitor. Takes the session: what is idle for long keeps little. */
static void
be_proxy(struct session *session, const struct uuid *uuid)
{
	struct context *context = session->context;
	char peer[ADDRESS_TEXT_SIZE];
	int fd = session->fd;
	enum error error;
	char *early;
	size_t size;

	memcpy(peer, session->peer, sizeof peer);
	error = take_early(session, &early, &size);
	session->fd = -1;
	end(session);
	/* The descriptor was charged to the visitor. */
	if (error == ERROR_NONE)
		proxy_run(context, fd, early, size, peer, uuid);
	fd_close(&fd);
}

/* Give the connection to the tunnel of its client, to wait for a visitor. Takes
 * the session. */
static void
be_spare(struct session *session, const struct uuid *instance)
{
	struct context *context = session->context;
	struct tunnel *tunnel =
	    registry_find_instance(&context->registry, instance);
	size_t size;

	channel_rest(&session->channel, &size);
	if (tunnel != NULL && size == 0 && budget_is_ample(&context->budget) &&
	    tunnel_add_spare(tunnel, session->fd)) {
		session->fd = -1;
		budget_force(&context->budget, BUDGET_SESSION); /* its own */
	}
	if (tunnel != NULL)
		tunnel_release(tunnel);
	end(session);
}

/* Takes the session. */
static void
play_role(struct session *session, const struct message *message)
{
	switch (message->kind) {
	case MESSAGE_HELLO:
		be_tunnel(session, message->as.port);
		break;
	case MESSAGE_ACCEPT:
		be_proxy(session, &message->as.uuid);
		break;
	case MESSAGE_SPARE:
		be_spare(session, &message->as.uuid);
		break;
	default:
		log_warning("%s dropped: it began with %s", session->peer,
		    message->kind == MESSAGE_UNKNOWN
			? message->as.text
			: message_name(message->kind));
		refuse(session, "unable to parse message");
		end(session);
		break;
	}
}

/* The oldest silent one makes room for the newcomer. */
static void
make_room(struct context *context, unsigned silent)
{
	unsigned most = budget_most(&context->budget) / 2;

	if (most > SESSION_SILENT_MOST)
		most = SESSION_SILENT_MOST;
	if (silent > most && roster_interrupt_oldest(&context->silent))
		context_warn_shed(context,
		    "too many connections have said nothing yet; the oldest "
		    "is dropped");
}

static void
converse(struct session *session)
{
	struct context *context = session->context;
	struct message message;
	enum error error;
	bool interrupted;
	unsigned silent;

	silent =
	    roster_enter(&context->silent, &session->entry, session->fd, -1);
	if (silent == 0) {
		end(session);
		return;
	}
	make_room(context, silent);
	error = hear(session, &message);
	interrupted = roster_interrupted(&session->entry);
	if (interrupted)
		log_debug("%s dropped to make room", session->peer);
	else if (error)
		reject(session, error); /* may still have to make room */
	roster_leave(&context->silent, &session->entry);
	if (!interrupted && error == ERROR_NONE)
		play_role(session, &message);
	else
		end(session);
}

static void
run(void *argument)
{
	struct session *session = argument;

	sockopt_prepare(session->fd, &sockopt_keepalive_control);
	channel_init(&session->channel, session->fd);
	converse(session);
}

static struct session *
create(struct context *context, int fd, const struct address *peer)
{
	struct session *session = calloc(1, sizeof *session);

	if (session == NULL)
		return NULL;
	session->context = context;
	session->fd = fd;
	session->address = *peer;
	address_print(peer, session->peer);
	return session;
}

void
session_start(struct context *context, int fd, const struct address *peer)
{
	struct session *session = create(context, fd, peer);
	enum error error = ERROR_MEMORY;
	char why[160];

	if (session != NULL) {
		if (!budget_force(&context->budget, BUDGET_SESSION)) {
			context_reclaim(context);
			roster_interrupt_oldest(&context->silent);
		}
		error = crew_do(context->crew, run, session);
		if (error)
			budget_give(&context->budget, BUDGET_SESSION);
	}
	if (error == ERROR_NONE)
		return;
	snprintf(why, sizeof why, "a connection was turned away: %s",
	    error == ERROR_RESOURCES ? strerror(errno) : error_text(error));
	context_warn_shed(context, why);
	roster_interrupt_oldest(&context->silent);
	fd_close(&fd);
	free(session);
}
