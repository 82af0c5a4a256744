/*
 * source - the part of a peer's address that it cannot choose freely.
 *
 * An IPv4 address, or the first 64 bits of an IPv6 address: whoever has one
 * address of such a network has all of them. An IPv4 address mapped into IPv6
 * (RFC 4291, 2.5.5.2) is the IPv4 address.
 */
#ifndef REBORE_NET_SOURCE_H
#define REBORE_NET_SOURCE_H

#include <stdbool.h>
#include <stdint.h>

#include "net/address.h"

/* The longest IPv6 address, "/64", NUL */
#define SOURCE_TEXT_SIZE 64

/* Returns the source of address: equal for two addresses exactly if they have
 * the same source. */
uint64_t source_of_address(const struct address *address);

/* Whether it is a loopback network (127.0.0.0/8, or that of ::1). */
bool source_is_loopback(uint64_t source);

/* Write "192.0.2.1" or "2001:db8:0:1::/64". */
void source_print(uint64_t source, char text[static SOURCE_TEXT_SIZE]);

#endif
