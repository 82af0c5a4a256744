/* source - see source.h */
#include "net/source.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

/*
 * An IPv4 address is kept as the network 0:ffff:ADDRESS::/64. No host has such
 * an address: 0000::/8 is reserved (RFC 4291, 2.5), except for ::1 and the
 * mapped ones.
 */
#define IPV4_MARK UINT64_C(0x0000ffff00000000)

uint64_t
source_of_address(const struct address *address)
{
	const uint8_t *v6 = address->socket.v6.sin6_addr.s6_addr;
	struct in_addr v4 = address->socket.v4.sin_addr;
	uint64_t network = 0;

	if (address->socket.generic.sa_family == AF_INET6) {
		if (!IN6_IS_ADDR_V4MAPPED(&address->socket.v6.sin6_addr)) {
			for (int i = 0; i < 8; i++)
				network = network << 8 | v6[i];
			return network;
		}
		memcpy(&v4, &v6[12], sizeof v4);
	}
	return IPV4_MARK | ntohl(v4.s_addr);
}

static bool
is_ipv4(uint64_t source)
{
	return (source & ~UINT64_C(0xffffffff)) == IPV4_MARK;
}

bool
source_is_loopback(uint64_t source)
{
	if (is_ipv4(source))
		return (source >> 24 & 0xff) == IN_LOOPBACKNET;
	return source == 0;
}

void
source_print(uint64_t source, char text[static SOURCE_TEXT_SIZE])
{
	struct in6_addr v6 = {{{0}}};
	struct in_addr v4 = {htonl((uint32_t)source)};
	char host[INET6_ADDRSTRLEN] = "?";

	if (is_ipv4(source)) {
		inet_ntop(AF_INET, &v4, text, SOURCE_TEXT_SIZE);
		return;
	}
	for (int i = 0; i < 8; i++)
		v6.s6_addr[i] = (uint8_t)(source >> (56 - 8 * i));
	inet_ntop(AF_INET6, &v6, host, sizeof host);
	snprintf(text, SOURCE_TEXT_SIZE, "%s/64", host);
}
