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
#include "os/statefile.h"
#include "os/wakeup.h"

/* The longest wait of a client between attempts, by default, and a little. */
#define PORT_MEMORY_RESERVED_MS 90000
/* Changes of a second are written together. */
#define PORT_MEMORY_DELAY_MS 1000
/* What could not be written, on a full disk, is tried again after this. */
#define PORT_MEMORY_RETRY_MS 5000

#define PORT_MEMORY_PORTS 65536
/* A set of ports, a bit each. */
#define PORT_MEMORY_WORDS (PORT_MEMORY_PORTS / 64)

/* Who has a port: the first bytes of hashes, so that whoever reads the state file
 * cannot speak for a client. 0: not known. */
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
	int64_t due_ms;
	/* Of the thread that saves. */
	struct statefile file;
	bool failing;

	struct wakeup changed;
};

/*
 * Begin, with what the state file holds if there is one. Content that is of no
 * use is replaced, with a warning.
 *
 * state_path: NULL: none, and nothing is reserved.
 * holder: on ERROR_IN_USE the process that uses the state file.
 */
enum error port_memory_start(
    struct port_memory *memory, const char *state_path, pid_t *holder);

/* Threads, of all that follow: any, unless said otherwise. */
void port_memory_add(struct port_memory *memory, uint16_t port);
void port_memory_remove(struct port_memory *memory, uint16_t port);

/* Keep in mind who has a port. instance: NULL: it has not told. */
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

/* instance: NULL: it has not told. */
struct port_memory_match port_memory_match(struct port_memory *memory,
    uint16_t port, const struct uuid *instance, const struct address *address);

/*
 * Returns until when a client that had a port before a restart, and came from this
 * address then, may return; 0: there is none. Looks through all ports.
 */
int64_t port_memory_expected_until_ms(
    struct port_memory *memory, const struct address *address);

/*
 * Returns which of the ports from 64 * word on, the first in the lowest bit, are
 * neither granted nor, unless reserved_too, reserved. Others may have them.
 */
uint64_t port_memory_free(
    struct port_memory *memory, unsigned word, bool reserved_too);

/*
 * Returns when port_memory_save_if_due() is due; CLOCK_NEVER: the file is up to date.
 * That may change when the descriptor of port_memory_fd() becomes readable; -1: it
 * does not change.
 */
int64_t port_memory_due_ms(struct port_memory *memory);
int port_memory_fd(const struct port_memory *memory);

/*
 * Write the file if that is due, or if it is not up to date. Where it cannot be
 * written, that is logged once, and is due again after PORT_MEMORY_RETRY_MS. Waits for
 * the disk. Threads: one, the janitor (janitor.h).
 */
void port_memory_save_if_due(struct port_memory *memory);
void port_memory_save(struct port_memory *memory);

/* Write the file if it is not up to date and could be written last time, and
 * release everything. Threads: the last. */
void port_memory_end(struct port_memory *memory);

#endif
