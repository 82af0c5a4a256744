/*
 * port_memory - remembers which public ports are granted, over a restart.
 *
 * A server that restarts has no leases. Its clients return within seconds and
 * ask for the ports that they had; until then a new client that would take any
 * port is not given one of those, and one that asks for such a port by its
 * number can be told from the one that had it.
 */
#ifndef REBORE_SERVER_PORT_MEMORY_H
#define REBORE_SERVER_PORT_MEMORY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/uuid.h"
#include "net/address.h"
#include "os/lock.h"
#include "os/saver.h"

/* The longest wait of a client between attempts, by default, and a little. */
#define PORT_MEMORY_RESERVED_MS 90000
/* Changes of a second are written together. */
#define PORT_MEMORY_DELAY_MS 1000

#define PORT_MEMORY_PORTS 65536
/* A set of ports, a bit each. */
#define PORT_MEMORY_WORDS (PORT_MEMORY_PORTS / 64)

/* Who has a port: the first bytes of hashes, so that whoever reads the state
 * file cannot speak for a client. 0: not known. */
struct port_memory_owner {
	uint64_t instance;
	uint64_t address;
};

/* Fields are private. */
struct port_memory {
	struct lock lock;
	/* Under lock. Sets of ports. */
	uint64_t granted[PORT_MEMORY_WORDS];
	uint64_t before[PORT_MEMORY_WORDS];                 /* the restart */
	struct port_memory_owner owners[PORT_MEMORY_PORTS]; /* of both */
	int64_t reserved_until_ms;

	struct saver saver;
};

/*
 * Begin, with what the state file holds if there is one. It is written, by a
 * thread of its own, within PORT_MEMORY_DELAY_MS of a change.
 *
 * memory: all zero.
 * state_path: NULL: none, and nothing is reserved.
 * Returns as saver_start(), which sets holder, too.
 */
enum error port_memory_start(
    struct port_memory *memory, const char *state_path, pid_t *holder);

/* Threads, of all that follow: any, unless said otherwise. */
void port_memory_add(struct port_memory *memory, uint16_t port);
void port_memory_remove(struct port_memory *memory, uint16_t port);

/* Remember who has a port. instance: NULL: not announced. */
void port_memory_own(struct port_memory *memory, uint16_t port,
    const struct uuid *instance, const struct address *address);

/* Whether a client that had port before a restart may return for it. */
bool port_memory_is_reserved(struct port_memory *memory, uint16_t port);

/* What is remembered of a port that is reserved, and a newcomer. */
struct port_memory_match {
	/* It is reserved, and for whom is known. */
	bool is_owned;
	bool same_instance;
	bool same_address;
};

/* instance: NULL: not announced. */
struct port_memory_match port_memory_match(struct port_memory *memory,
    uint16_t port, const struct uuid *instance, const struct address *address);

/*
 * Returns until when a client that had a port before a restart, and came from
 * this address then, may return; 0: there is none. Looks through all ports.
 */
int64_t port_memory_expected_until_ms(
    struct port_memory *memory, const struct address *address);

/*
 * Returns which of the ports from 64 * word on, the first in the lowest bit,
 * are neither granted nor, unless reserved_too, reserved. Others may have them.
 */
uint64_t port_memory_free(
    struct port_memory *memory, unsigned word, bool reserved_too);

/* Write the file if it is out of date. Ports granted after this call are not
 * saved. Returns as saver_stop(). Threads: one. */
enum error port_memory_stop(struct port_memory *memory, int64_t deadline_ms);

/* Release everything; the file stays. Waits for the disk unless
 * port_memory_stop() has returned ERROR_NONE. Threads: the last. */
void port_memory_end(struct port_memory *memory);

#endif
