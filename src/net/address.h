/*
 * address - names and numbers of the ends of a connection.
 */
#ifndef REBORE_NET_ADDRESS_H
#define REBORE_NET_ADDRESS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

/* The longest host name of DNS (RFC 1035: 255 octets), and NUL */
#define ADDRESS_HOST_SIZE 256
/* "[", the longest IPv6 address with a scope, "]:65535", NUL */
#define ADDRESS_TEXT_SIZE 80
/* The longest host, "[", "]:65535", NUL */
#define ADDRESS_NAME_TEXT_SIZE (ADDRESS_HOST_SIZE + 10)

/* The name of a link, and NUL */
#define ADDRESS_LINK_SIZE 16

/* A numeric address with port. */
struct address {
	socklen_t length;
	union {
		struct sockaddr generic;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} socket;
};

/* What a person writes: a host, by name or numeric, and a port. */
struct address_name {
	char host[ADDRESS_HOST_SIZE];
	uint16_t port;
};

/*
 * Read "name", "name:port", "192.0.2.1", "192.0.2.1:port", "2001:db8::1" or
 * "[2001:db8::1]:port" ("[2001:db8::1]" too). The link of "fe80::1%eth0" need
 * not be there.
 *
 * default_port: taken where the text has none.
 * Returns false when it is none of these: an empty or overlong host, a port
 * that is not 1 to 65535, white space or control characters.
 */
bool address_name_parse(
    const char *text, uint16_t default_port, struct address_name *name);

/* Write "host:port", or "[host]:port" for an IPv6 address. */
void address_name_print(
    const struct address_name *name, char text[static ADDRESS_NAME_TEXT_SIZE]);

/*
 * Read a numeric IPv4 or IPv6 address, without brackets; "%scope" is allowed
 * where the system knows it. A mapped IPv4 address is read as IPv4. Never asks
 * a name server.
 *
 * Returns false when host is not numeric.
 */
bool address_parse(const char *host, uint16_t port, struct address *address);

/*
 * The same, but a link such as that of "fe80::1%eth0" need not be there yet.
 *
 * link: its name, for address_find_link(); "" where there is none.
 */
bool address_parse_link(const char *host, uint16_t port,
    struct address *address, char link[static ADDRESS_LINK_SIZE]);

/* Put the link into the address. Returns false with errno ENODEV if there is no
 * link of that name. "" always exists. */
bool address_find_link(struct address *address, const char *link);

/*
 * Write "192.0.2.1:80" or "[2001:db8::1]:80". An IPv4 address mapped into IPv6
 * (RFC 4291, 2.5.5.2) is written as IPv4.
 */
void address_print(
    const struct address *address, char text[static ADDRESS_TEXT_SIZE]);

/* Make an IPv4 address mapped into IPv6 (RFC 4291, 2.5.5.2) an IPv4 address;
 * leave any other. */
void address_unmap(struct address *address);

/* Whether both are the same address and port. */
bool address_equal(const struct address *a, const struct address *b);

uint16_t address_port(const struct address *address);
void address_set_port(struct address *address, uint16_t port);

/* Whether both are the same host, whatever the ports. */
bool address_same_host(const struct address *a, const struct address *b);

/* Whether it is an address by which a host reaches itself (RFC 1122, 3.2.1.3;
 * RFC 4291, 2.5.3; mapped ones too). */
bool address_is_loopback(const struct address *address);

/* The address of the socket fd, or of its peer; a mapped IPv4 address as IPv4.
 * False: not connected. */
bool address_of_socket(int fd, struct address *address);
bool address_of_peer(int fd, struct address *address);

#endif
