/* address - see address.h */
#include "net/address.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <net/if.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PORT_DIGITS_MOST 5

/* The longest label of a host name (RFC 1035, 2.3.4) */
#define LABEL_MOST 63

/* "65535", NUL */
#define PORT_TEXT_SIZE (PORT_DIGITS_MOST + 1)

static bool
parse_port(const char *text, uint16_t *port)
{
	size_t digits = strspn(text, "0123456789");
	unsigned long number;

	if (digits == 0 || digits > PORT_DIGITS_MOST || text[digits] != '\0')
		return false;
	number = strtoul(text, NULL, 10);
	if (number < 1 || number > UINT16_MAX)
		return false;
	*port = (uint16_t)number;
	return true;
}

/* Characters that no name or address has, and that would harm a log or a
 * shell. */
static bool
has_bad_character(const char *text)
{
	for (; *text != '\0'; text++)
		if ((unsigned char)*text <= ' ' || *text == 0x7f)
			return true;
	return false;
}

static bool
copy_host(const char *host, size_t length, struct address_name *name)
{
	if (length == 0 || length >= sizeof name->host)
		return false;
	memcpy(name->host, host, length);
	name->host[length] = '\0';
	return true;
}

/* A mapped address stays mapped. */
static bool
parse_as_written(const char *host, uint16_t port, struct address *address)
{
	const struct addrinfo hints = {
	    .ai_family = AF_UNSPEC,
	    .ai_socktype = SOCK_STREAM,
	    .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
	};
	struct addrinfo *found = NULL;
	char service[PORT_TEXT_SIZE];

	snprintf(service, sizeof service, "%u", (unsigned)port);
	if (getaddrinfo(host, service, &hints, &found) != 0)
		return false;
	address->length = found->ai_addrlen;
	memcpy(&address->socket, found->ai_addr, found->ai_addrlen);
	freeaddrinfo(found);
	return true;
}

/* Whether the last label of a name is a number, as in an address: no host has
 * such a name (RFC 1123, 2.1). */
static bool
ends_in_number(const char *host)
{
	size_t end = strlen(host);
	size_t start;

	if (end > 0 && host[end - 1] == '.')
		end--;
	start = end;
	while (start > 0 && host[start - 1] != '.')
		start--;
	return end > start && strspn(host + start, "0123456789") >= end - start;
}

/*
 * One label of a host name: RFC 1123, 2.1, with underscores, which some
 * networks use, and with bytes above ASCII, which a name server may know.
 */
static bool
is_label(const char *label, size_t length)
{
	if (length == 0 || length > LABEL_MOST || label[0] == '-' ||
	    label[length - 1] == '-')
		return false;
	for (size_t i = 0; i < length; i++) {
		unsigned char byte = (unsigned char)label[i];

		if (byte < 0x80 && !isalnum(byte) && byte != '-' && byte != '_')
			return false;
	}
	return true;
}

/* A name that a name server could know, or an address. */
static bool
is_host(const char *host)
{
	struct address address;
	const char *label = host;

	if (ends_in_number(host))
		return address_parse(host, 0, &address);
	while (*label != '\0') {
		size_t length = strcspn(label, ".");

		if (!is_label(label, length))
			return false;
		label += length;
		label += *label == '.';
	}
	return true;
}

bool
address_parse_link(const char *host, uint16_t port, struct address *address,
    char link[static ADDRESS_LINK_SIZE])
{
	const char *percent = strchr(host, '%');
	char number[INET6_ADDRSTRLEN];

	link[0] = '\0';
	if (percent == NULL)
		return address_parse(host, port, address);
	snprintf(number, sizeof number, "%.*s", (int)(percent - host), host);
	snprintf(link, ADDRESS_LINK_SIZE, "%s", percent + 1);
	return (size_t)(percent - host) < sizeof number && *link != '\0' &&
	       strlen(percent + 1) < ADDRESS_LINK_SIZE &&
	       !has_bad_character(link) && strpbrk(link, "%/[]:") == NULL &&
	       parse_as_written(number, port, address) &&
	       address->socket.generic.sa_family == AF_INET6;
}

bool
address_find_link(struct address *address, const char *link)
{
	unsigned index;

	if (*link == '\0')
		return true;
	index = if_nametoindex(link);
	if (index == 0 && link[strspn(link, "0123456789")] == '\0')
		index = (unsigned)strtoul(link, NULL, 10);
	errno = ENODEV;
	address->socket.v6.sin6_scope_id = index;
	return index != 0;
}

/* With a link or without */
static bool
is_v6(const char *host)
{
	char link[ADDRESS_LINK_SIZE];
	struct address address;

	return strchr(host, ':') != NULL &&
	       address_parse_link(host, 0, &address, link);
}

/* "[address]" or "[address]:port" */
static bool
parse_bracketed(const char *text, struct address_name *name)
{
	const char *end = strchr(text, ']');

	if (end == NULL || !copy_host(text + 1, (size_t)(end - text) - 1, name))
		return false;
	if (!is_v6(name->host))
		return false;
	if (end[1] == '\0')
		return true;
	return end[1] == ':' && parse_port(end + 2, &name->port);
}

bool
address_name_parse(
    const char *text, uint16_t default_port, struct address_name *name)
{
	const char *colon = strchr(text, ':');

	name->port = default_port;
	if (has_bad_character(text))
		return false;
	if (*text == '[')
		return parse_bracketed(text, name);
	if (colon == NULL)
		return copy_host(text, strlen(text), name) &&
		       is_host(name->host);
	if (strchr(colon + 1, ':') == NULL)
		return copy_host(text, (size_t)(colon - text), name) &&
		       is_host(name->host) &&
		       parse_port(colon + 1, &name->port);
	/* Two colons or more: a bare IPv6 address, or nothing */
	return copy_host(text, strlen(text), name) && is_v6(name->host);
}

void
address_name_print(
    const struct address_name *name, char text[static ADDRESS_NAME_TEXT_SIZE])
{
	bool v6 = strchr(name->host, ':') != NULL;

	snprintf(text, ADDRESS_NAME_TEXT_SIZE, "%s%s%s:%u", v6 ? "[" : "",
	    name->host, v6 ? "]" : "", (unsigned)name->port);
}

bool
address_parse(const char *host, uint16_t port, struct address *address)
{
	if (!parse_as_written(host, port, address))
		return false;
	address_unmap(address);
	return true;
}

void
address_unmap(struct address *address)
{
	const struct sockaddr_in6 v6 = address->socket.v6;

	if (address->socket.generic.sa_family != AF_INET6 ||
	    !IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr))
		return;
	memset(address, 0, sizeof *address);
	address->length = sizeof address->socket.v4;
	address->socket.v4.sin_family = AF_INET;
	address->socket.v4.sin_port = v6.sin6_port;
	memcpy(&address->socket.v4.sin_addr, &v6.sin6_addr.s6_addr[12], 4);
}

void
address_print(
    const struct address *address, char text[static ADDRESS_TEXT_SIZE])
{
	struct address plain = *address;
	char host[ADDRESS_TEXT_SIZE - 10];
	bool v6;

	address_unmap(&plain);
	address = &plain;
	if (getnameinfo(&address->socket.generic, address->length, host,
		sizeof host, NULL, 0, NI_NUMERICHOST) != 0)
		snprintf(host, sizeof host, "?");
	v6 = address->socket.generic.sa_family == AF_INET6;
	snprintf(text, ADDRESS_TEXT_SIZE, "%s%s%s:%u", v6 ? "[" : "", host,
	    v6 ? "]" : "", (unsigned)address_port(address));
}

bool
address_equal(const struct address *a, const struct address *b)
{
	const struct sockaddr_in6 *left = &a->socket.v6;
	const struct sockaddr_in6 *right = &b->socket.v6;

	if (a->socket.generic.sa_family != b->socket.generic.sa_family ||
	    address_port(a) != address_port(b))
		return false;
	if (a->socket.generic.sa_family != AF_INET6)
		return a->socket.v4.sin_addr.s_addr ==
		       b->socket.v4.sin_addr.s_addr;
	return left->sin6_scope_id == right->sin6_scope_id &&
	       memcmp(&left->sin6_addr, &right->sin6_addr,
		   sizeof left->sin6_addr) == 0;
}

bool
address_same_host(const struct address *a, const struct address *b)
{
	struct address left = *a;
	struct address right = *b;

	address_set_port(&left, 0);
	address_set_port(&right, 0);
	return address_equal(&left, &right);
}

bool
address_is_loopback(const struct address *address)
{
	const struct in6_addr *v6 = &address->socket.v6.sin6_addr;
	struct in_addr v4 = address->socket.v4.sin_addr;

	if (address->socket.generic.sa_family == AF_INET6) {
		if (!IN6_IS_ADDR_V4MAPPED(v6))
			return IN6_IS_ADDR_LOOPBACK(v6);
		memcpy(&v4, &v6->s6_addr[12], sizeof v4);
	}
	return ntohl(v4.s_addr) >> 24 == IN_LOOPBACKNET;
}

uint16_t
address_port(const struct address *address)
{
	if (address->socket.generic.sa_family == AF_INET6)
		return ntohs(address->socket.v6.sin6_port);
	return ntohs(address->socket.v4.sin_port);
}

void
address_set_port(struct address *address, uint16_t port)
{
	if (address->socket.generic.sa_family == AF_INET6)
		address->socket.v6.sin6_port = htons(port);
	else
		address->socket.v4.sin_port = htons(port);
}

bool
address_of_socket(int fd, struct address *address)
{
	address->length = sizeof address->socket;
	if (getsockname(fd, &address->socket.generic, &address->length) == -1)
		return false;
	address_unmap(address);
	return true;
}

bool
address_of_peer(int fd, struct address *address)
{
	address->length = sizeof address->socket;
	if (getpeername(fd, &address->socket.generic, &address->length) == -1)
		return false;
	address_unmap(address);
	return true;
}
