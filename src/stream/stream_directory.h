/*
 * stream_directory - the streams of a process by id, and what other threads
 * have for them.
 *
 * The thread of a stream, its owner, enters it, and states how it can be woken.
 * With a data connection, it is woken by ending the receiving side of that
 * connection, which breaks it; so only what replaces or condemns the connection
 * may do so. Without one there is a wake-up, which is open only during that
 * time. Other threads leave their news, and wake the owner.
 *
 * Threads: any, except where a function is the owner's.
 */
#ifndef REBORE_STREAM_STREAM_DIRECTORY_H
#define REBORE_STREAM_STREAM_DIRECTORY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/hash_table.h"
#include "base/uuid.h"
#include "net/transport.h"
#include "os/lock.h"
#include "os/wakeup.h"
#include "stream/stream_frame.h"
#include "wire/principal.h"

/* A power of two. */
#define STREAM_DIRECTORY_BUCKETS 4096
/* The most bytes that may have been read after the frame that opens a
 * connection. */
#define STREAM_DIRECTORY_REST_MOST 2048

/* What other threads have for a stream. */
struct stream_news {
	/* A data connection on which RESUME (server) or a second OPEN (client)
	 * arrived. If open, it belongs to the owner from then on. */
	struct transport data;
	uint32_t attempt;
	struct stream_place place;
	/* Bytes that arrived after that frame, from malloc(); the owner frees
	 * them. */
	uint8_t *rest;
	size_t rest_size;
	/* Server: the client has said that it does not know the stream. */
	bool is_unknown;
	/* Client: the server has sent Lost with this attempt number. */
	bool is_lost;
	uint32_t lost_attempt;
};

/* Embedded by the owner. */
struct stream_entry {
	/* Set before stream_directory_enter(), then read-only. */
	struct uuid id;
	/* Whose stream it is; must live as long as the stream. NULL:
	 * nobody's. */
	const struct principal *principal;
	/* Identifies the tunnel of the stream; only compared. */
	const void *group;
	/* Written by the owner: when the other end was last heard from. */
	_Atomic int64_t heard_ms;

	/* Private, under the lock of the directory. */
	struct hash_entry by_id;
	struct stream_entry *newer, *older;
	struct stream_news news;
	atomic_bool has_news;
	int data_fd;
	uint32_t attempt;
	struct wakeup wakeup;
};

/* Fields are private. */
struct stream_directory {
	struct lock lock;
	/* Under lock. */
	struct hash_table streams;
	struct hash_entry *buckets[STREAM_DIRECTORY_BUCKETS];
	struct stream_entry *newest;
};

/* directory: all zero. */
void stream_directory_init(struct stream_directory *directory);
/* All streams must have left. */
void stream_directory_destroy(struct stream_directory *directory);

/* Owner: enter, without a data connection. Returns false if there is a stream
 * with this id. */
bool stream_directory_enter(
    struct stream_directory *directory, struct stream_entry *entry);

/* Owner: leave, before the sockets are closed. Discards news that was not
 * taken, and closes its data connection. */
void stream_directory_leave(
    struct stream_directory *directory, struct stream_entry *entry);

/*
 * Owner: state the current data connection, or -1 for none, and its attempt
 * number. Call it before the old data connection is closed, too.
 *
 * Returns a descriptor to poll for POLLIN, or -1. If data_fd and the result are
 * both -1, the owner has to look for news now and then.
 */
int stream_directory_watch(struct stream_directory *directory,
    struct stream_entry *entry, int data_fd, uint32_t attempt);

/* Owner: take the news. Returns whether there is any. Costs almost nothing if
 * there is none. */
bool stream_directory_take(struct stream_directory *directory,
    struct stream_entry *entry, struct stream_news *news);

/* Whether there is a stream with this id; it may end at any moment. */
bool stream_directory_has(
    struct stream_directory *directory, const struct uuid *id);

/*
 * Pass a data connection on to a stream.
 *
 * principal: of the peer that has opened the connection.
 * news: data, attempt, place, rest; they belong to the stream if this returns
 * true.
 * Returns false if this principal has no such stream.
 */
bool stream_directory_bring(struct stream_directory *directory,
    const struct uuid *id, const struct principal *principal,
    const struct stream_news *news);

/* Pass on that the server has sent Lost. Returns false if there is no such
 * stream. */
bool stream_directory_lose(struct stream_directory *directory,
    const struct uuid *id, uint32_t attempt);

/* Pass on that the client, which is principal, does not know the stream. */
void stream_directory_disown(struct stream_directory *directory,
    const struct uuid *id, const struct principal *principal);

/*
 * Break the data connections of streams that nothing was heard from since
 * since_ms, because they may be lost without a sign.
 *
 * group: only of this tunnel; NULL: of all.
 * most: the most connections to break.
 * Returns how many were broken.
 */
unsigned stream_directory_break(struct stream_directory *directory,
    const void *group, int64_t since_ms, unsigned most);

#endif
