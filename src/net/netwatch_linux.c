/* netwatch over rtnetlink(7) - see netwatch.h */
#include <errno.h>
#include <linux/if.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/netwatch.h"
#include "os/fd.h"

#define GROUPS                                                                 \
	(RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV4_ROUTE |                \
	    RTMGRP_IPV6_IFADDR | RTMGRP_IPV6_ROUTE)

#define REPORT_BYTES 8192
/* How many bytes to read at a time; the descriptor stays readable while there
 * are more. */
#define READS_MOST   64
#define ANSWER_BYTES 2048

/* RTM_GETROUTE for one destination */
struct question {
	struct nlmsghdr header;
	struct rtmsg route;
	struct rtattr attribute;
	uint8_t address[16];
};

void
netwatch_open(struct netwatch *watch)
{
	struct sockaddr_nl address = {
	    .nl_family = AF_NETLINK, .nl_groups = GROUPS};

	memset(watch, 0, sizeof *watch);
	watch->fd = socket(
	    AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
	if (watch->fd != -1 &&
	    bind(watch->fd, (struct sockaddr *)&address, sizeof address) == -1)
		fd_close(&watch->fd);
}

/* The raw bytes of an address: 4 or 16. */
static size_t
raw_of(const struct address *address, const void **bytes)
{
	if (address->socket.generic.sa_family == AF_INET6) {
		*bytes = &address->socket.v6.sin6_addr;
		return 16;
	}
	*bytes = &address->socket.v4.sin_addr;
	return 4;
}

static struct question
make_question(const struct address *address)
{
	const void *bytes;
	size_t size = raw_of(address, &bytes);
	struct question question = {
	    .header.nlmsg_type = RTM_GETROUTE,
	    .header.nlmsg_flags = NLM_F_REQUEST,
	    .route.rtm_family = (uint8_t)address->socket.generic.sa_family,
	    .route.rtm_dst_len = (uint8_t)(size * 8),
	    .attribute.rta_type = RTA_DST,
	    .attribute.rta_len = (uint16_t)RTA_LENGTH(size),
	};

	memcpy(question.address, bytes, size);
	question.header.nlmsg_len =
	    (uint32_t)(NLMSG_LENGTH(sizeof question.route) + RTA_SPACE(size));
	return question;
}

static void
copy_attribute(struct rtattr *attribute, void *target, size_t size)
{
	size_t payload = RTA_PAYLOAD(attribute);

	memcpy(target, RTA_DATA(attribute), payload < size ? payload : size);
}

static void
read_answer(struct nlmsghdr *header, struct netwatch_route *route)
{
	struct rtmsg *body = NLMSG_DATA(header);
	unsigned left = (unsigned)RTM_PAYLOAD(header);

	for (struct rtattr *attribute = RTM_RTA(body);
	     RTA_OK(attribute, (int)left);
	     attribute = RTA_NEXT(attribute, left)) {
		if (attribute->rta_type == RTA_OIF)
			copy_attribute(attribute, &route->interface,
			    sizeof route->interface);
		else if (attribute->rta_type == RTA_PREFSRC)
			copy_attribute(
			    attribute, route->source, sizeof route->source);
		else if (attribute->rta_type == RTA_GATEWAY)
			copy_attribute(
			    attribute, route->gateway, sizeof route->gateway);
	}
}

/* Ask the system how packets to address leave. */
static struct netwatch_route
find_route(const struct address *address)
{
	struct question question = make_question(address);
	struct netwatch_route route;
	union {
		struct nlmsghdr header;
		char bytes[ANSWER_BYTES];
	} answer;
	ssize_t got = -1;
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	memset(&route, 0, sizeof route);
	/* The answer is there when send() returns: it never waits. */
	if (fd != -1 && send(fd, &question, question.header.nlmsg_len, 0) != -1)
		got = recv(fd, &answer, sizeof answer, MSG_DONTWAIT);
	if (got > 0 && NLMSG_OK(&answer.header, (unsigned)got) &&
	    answer.header.nlmsg_type == RTM_NEWROUTE)
		read_answer(&answer.header, &route);
	fd_close(&fd);
	return route;
}

void
netwatch_set(struct netwatch *watch, const struct address *address)
{
	watch->address = *address;
	watch->route = find_route(address);
	watch->carrier = true; /* the address was reached just now */
}

/* Look at a report of a link. Returns whether the carrier of our link
 * changed. */
static bool
read_link(struct netwatch *watch, struct nlmsghdr *header)
{
	const struct ifinfomsg *link = NLMSG_DATA(header);
	bool carrier = (link->ifi_flags & IFF_LOWER_UP) != 0;

	if ((uint32_t)link->ifi_index != watch->route.interface ||
	    carrier == watch->carrier)
		return false;
	watch->carrier = carrier;
	return true;
}

/* Take one datagram of reports. Returns whether a carrier changed. */
static bool
read_reports(struct netwatch *watch, struct nlmsghdr *header, unsigned size)
{
	bool changed = false;

	for (; NLMSG_OK(header, size); header = NLMSG_NEXT(header, size))
		if (header->nlmsg_type == RTM_NEWLINK)
			changed = read_link(watch, header) || changed;
	return changed;
}

/*
 * Take all reports.
 *
 * carrier: set when the carrier of our interface changed.
 * Returns whether there was a report, or one was lost.
 */
static bool
drain(struct netwatch *watch, bool *carrier)
{
	union {
		struct nlmsghdr header;
		char bytes[REPORT_BYTES];
	} report;
	bool any = false;

	*carrier = false;
	for (int i = 0; i < READS_MOST; i++) {
		ssize_t got =
		    recv(watch->fd, &report, sizeof report, MSG_DONTWAIT);

		if (got > 0 &&
		    read_reports(watch, &report.header, (unsigned)got))
			*carrier = true;
		if (got >= 0 || errno == ENOBUFS)
			any = true;
		else if (errno != EINTR)
			break;
	}
	return any;
}

bool
netwatch_changed(struct netwatch *watch)
{
	struct netwatch_route route;
	bool carrier;

	if (watch->fd == -1 || !drain(watch, &carrier))
		return false;
	if (watch->address.length == 0)
		return true;
	route = find_route(&watch->address);
	if (memcmp(&route, &watch->route, sizeof route) == 0)
		return carrier;
	if (route.interface != watch->route.interface)
		watch->carrier = true; /* until it is reported otherwise */
	watch->route = route;
	return true;
}

bool
netwatch_has_route(const struct netwatch *watch)
{
	return watch->address.length == 0 ||
	       (watch->route.interface != 0 && watch->carrier);
}

bool
netwatch_has_local_address(int fd)
{
	struct address address;
	bool has = true;
	int probe;

	if (!address_of_socket(fd, &address))
		return true;
	address_set_port(&address, 0);
	probe = socket(
	    address.socket.generic.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (probe != -1 &&
	    bind(probe, &address.socket.generic, address.length) == -1)
		has = errno != EADDRNOTAVAIL;
	fd_close(&probe);
	return has;
}

void
netwatch_close(struct netwatch *watch)
{
	fd_close(&watch->fd);
}
