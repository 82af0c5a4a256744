/*
 * stream_tombstones - streams that have ended, for as long as the other end may
 * not know it.
 *
 * On the server: streams whose last frame the client may not have received. The
 * client asks for such a stream by RESUME, and is told how it ended. On the
 * client: every stream that has ended, so that a late OPEN does not begin it a
 * second time.
 *
 * Their number is limited: the oldest is forgotten first. That is safe, because
 * an unknown id counts as gone: the stream is reset, and never taken for
 * complete.
 *
 * Threads: any. The time comes from the caller.
 */
#ifndef REBORE_STREAM_STREAM_TOMBSTONES_H
#define REBORE_STREAM_STREAM_TOMBSTONES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/uuid.h"
#include "os/lock.h"

/* How often the client is informed until it asks. */
#define STREAM_LOST_REPEAT_MS 1000

enum stream_fate {
	/* Unknown, or forgotten. */
	STREAM_FATE_UNKNOWN,
	/* Ended both ways, and everything was passed on. */
	STREAM_FATE_FINISHED,
	/* Reset, or never begun. */
	STREAM_FATE_GONE,
};

struct stream_tombstone;

/* Fields are private. */
struct stream_tombstones {
	struct lock lock;
	/* Read-only. */
	uint32_t most;
	uint32_t keep_ms;
	/* Under lock: a ring, oldest first. Places are counted from 1 on; 0 is
	 * none. */
	struct stream_tombstone *ring;
	uint32_t first, count;
	/* Under lock: the newest of each bucket. */
	uint32_t *buckets;
	/* Under lock: those that the client is informed of, in the order in
	 * which they are due. */
	uint32_t report_first, report_last;
};

/*
 * most: their number, a power of two.
 * keep_ms: how long each is remembered: as long as a stream may be resumed,
 * plus the time that an attempt of the client may be late.
 * Returns ERROR_MEMORY or ERROR_NONE. Pages are not touched before they are
 * needed.
 */
enum error stream_tombstones_init(
    struct stream_tombstones *tombstones, uint32_t most, uint32_t keep_ms);
void stream_tombstones_destroy(struct stream_tombstones *tombstones);

/*
 * A stream has ended.
 *
 * attempt: of its last data connection.
 * reports: the other end is to be informed until it asks.
 * If the id is known already, its fate stays.
 */
void stream_tombstones_put(struct stream_tombstones *tombstones,
    const struct uuid *id, enum stream_fate fate, uint32_t attempt,
    bool reports, int64_t now_ms);

/* Returns how a stream has ended. The other end has asked, so it is not
 * informed any more. */
enum stream_fate stream_tombstones_ask(struct stream_tombstones *tombstones,
    const struct uuid *id, int64_t now_ms);

/* The other end knows that the stream has ended: forget it. */
void stream_tombstones_remove(
    struct stream_tombstones *tombstones, const struct uuid *id);

/*
 * Take the next stream that the other end is to be informed of now; it comes
 * again after STREAM_LOST_REPEAT_MS. Call it until it returns false.
 */
bool stream_tombstones_tell(struct stream_tombstones *tombstones,
    int64_t now_ms, struct uuid *id, uint32_t *attempt);

/* Returns when stream_tombstones_tell() is due, or CLOCK_NEVER. */
int64_t stream_tombstones_due_ms(struct stream_tombstones *tombstones);

#endif
