/*
 * stream_directory - the streams of a process by their id, and what other
 * threads have for them.
 *
 * The thread of a stream enters it, and states by what it can be woken: while
 * it has a data connection, by the end of its receiving side, which breaks that
 * connection, so that only what replaces or condemns it may do so; else by a
 * wake-up, which is open only then. Others leave what they have, and wake it.
 *
 * Threads: any, but for what is said of the owner, the thread of the stream.
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
/* Bytes that may have been read behind the frame that opens a connection. */
#define STREAM_DIRECTORY_REST_MOST 2048

/* What others have for a stream. */
struct stream_news {
	/* A data connection: RESUME came on it (server), or a second OPEN
	 * (client). Open: the owner's from then on. */
	struct transport data;
	uint32_t attempt;
	struct stream_place place;
	/* Bytes behind that frame, from malloc(); the owner frees them. */
	uint8_t *rest;
	size_t rest_size;
	/* Server: the client does not know the stream. */
	bool is_unknown;
	/* Client: the server says that this attempt is lost. */
	bool is_lost;
	uint32_t lost_attempt;
};

/* Embedded by the owner. */
struct stream_entry {
	/* Set before stream_directory_enter(), then read-only. */
	struct uuid id;
	/* Whose it is, which lives as long; NULL: nobody's. */
	const struct principal *principal;
	/* What the streams of one tunnel have in common; only compared. */
	const void *group;
	/* Written by the owner: when the other end was last heard. */
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

/* Owner: enter, without a data connection. Returns false when there is a stream
 * with this id. */
bool stream_directory_enter(
    struct stream_directory *directory, struct stream_entry *entry);

/* Owner: leave, before anything that it has entered is closed; what others have
 * left is closed. */
void stream_directory_leave(
    struct stream_directory *directory, struct stream_entry *entry);

/*
 * Owner: state which data connection it has, from which attempt; data_fd: -1:
 * none. To be called before that is closed, too.
 *
 * Returns a descriptor to poll for POLLIN, -1: there is none, and where data_fd
 * is -1, look for news now and then.
 */
int stream_directory_watch(struct stream_directory *directory,
    struct stream_entry *entry, int data_fd, uint32_t attempt);

/* Owner: take what others have left. Returns whether there is something. Costs
 * nothing where there is not. */
bool stream_directory_take(struct stream_directory *directory,
    struct stream_entry *entry, struct stream_news *news);

/* Whether there is a stream with this id; it may end at any time. */
bool stream_directory_has(
    struct stream_directory *directory, const struct uuid *id);

/*
 * A data connection for a stream.
 *
 * principal: of who brings it.
 * news: data, attempt, place, rest; the stream's when this returns true.
 * Returns false when there is no such stream of this principal.
 */
bool stream_directory_bring(struct stream_directory *directory,
    const struct uuid *id, const struct principal *principal,
    const struct stream_news *news);

/* The server has said Lost. Returns false when there is no such stream. */
bool stream_directory_lose(struct stream_directory *directory,
    const struct uuid *id, uint32_t attempt);

/* The client has said Unknown; it is principal. */
void stream_directory_disown(struct stream_directory *directory,
    const struct uuid *id, const struct principal *principal);

/*
 * Break the data connections of streams that were not heard since since_ms, as
 * they may be lost although nothing says so.
 *
 * group: of these; NULL: of all.
 * most: no more than so many.
 * Returns how many were broken.
 */
unsigned stream_directory_break(struct stream_directory *directory,
    const void *group, int64_t since_ms, unsigned most);

#endif
