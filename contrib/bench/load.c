/*
 * load - what bench sends through a tunnel, and what answers behind it.
 *
 *	load serve PORT
 *		Echo whatever comes to PORT; says "ready" first.
 *	load rate ADDRESS PORT AT_ONCE SECONDS
 *		Connect, send a byte, wait for it, close; AT_ONCE at any time.
 *	load hold ADDRESS PORT COUNT AT_ONCE SECONDS
 *		The same COUNT times, but nobody closes until standard input
 *		ends; who has no answer after SECONDS is counted as hanging.
 *	load trips ADDRESS PORT SECONDS LEAST SIZE...
 *		Round trips of each SIZE over one connection, for SECONDS and
 *		LEAST times at least.
 *
 * What is measured goes to standard output as JSON, times in microseconds. One
 * thread, so that it takes as little as can be from what is measured. Linux.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define EVENTS_AT_A_TIME 64
#define ECHO_BYTES       ((size_t)256 * 1024)
#define TRIP_MOST        ((size_t)16 << 20)
/* A tunnel that has given no answer for so long will give none. */
#define PATIENCE_S 10.0

static void
die(const char *what)
{
	perror(what);
	exit(1);
}

static void *
get_memory(size_t size)
{
	void *memory = calloc(1, size);

	if (memory == NULL)
		die("calloc");
	return memory;
}

static double
now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* A TCP socket that delays nothing. */
static int
open_socket(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	int on = 1;

	if (fd == -1)
		die("socket");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	return fd;
}

static struct sockaddr_in
address_of(const char *address, const char *port)
{
	struct sockaddr_in result = {.sin_family = AF_INET};

	result.sin_port = htons((uint16_t)atoi(port));
	if (inet_pton(AF_INET, address, &result.sin_addr) != 1)
		die(address);
	return result;
}

static void
watch(int epoll, int operation, int fd, uint32_t events, void *data)
{
	struct epoll_event event = {.events = events, .data.ptr = data};

	if (epoll_ctl(epoll, operation, fd, &event) == -1)
		die("epoll_ctl");
}

/* --- Samples */

struct samples {
	double *values;
	size_t count, room;
};

static void
samples_add(struct samples *samples, double value)
{
	if (samples->count == samples->room) {
		samples->room = samples->room * 2 + 1024;
		samples->values = realloc(
		    samples->values, samples->room * sizeof *samples->values);
		if (samples->values == NULL)
			die("realloc");
	}
	samples->values[samples->count++] = value;
}

static int
compare(const void *left, const void *right)
{
	double a = *(const double *)left, b = *(const double *)right;

	return (a > b) - (a < b);
}

static double
quantile(const struct samples *samples, double part)
{
	size_t place = (size_t)((double)samples->count * part);

	if (samples->count == 0)
		return 0;
	if (place >= samples->count)
		place = samples->count - 1;
	return samples->values[place] * 1e6;
}

/* As members of an object; sorts them. */
static void
samples_print(struct samples *samples)
{
	if (samples->count > 0)
		qsort(samples->values, samples->count, sizeof(double), compare);
	printf("\"count\": %zu, \"p50_us\": %.1f, \"p99_us\": %.1f, "
	       "\"max_us\": %.1f",
	    samples->count, quantile(samples, 0.5), quantile(samples, 0.99),
	    quantile(samples, 1));
}

/* --- serve */

struct guest {
	int fd;
	/* What could not be sent back yet. */
	char *rest;
	size_t start, end;
};

static void
guest_end(struct guest *guest)
{
	close(guest->fd);
	free(guest->rest);
	free(guest);
}

/* Keep what is left; nothing more is read before it is sent. */
static void
guest_wait(int epoll, struct guest *guest, const char *bytes, size_t size)
{
	guest->rest = get_memory(size);
	memcpy(guest->rest, bytes, size);
	guest->start = 0;
	guest->end = size;
	watch(epoll, EPOLL_CTL_MOD, guest->fd, EPOLLOUT, guest);
}

/* Returns false at the end. */
static bool
guest_write(int epoll, struct guest *guest)
{
	ssize_t sent = send(guest->fd, guest->rest + guest->start,
	    guest->end - guest->start, MSG_NOSIGNAL);

	if (sent == -1)
		return errno == EAGAIN;
	guest->start += (size_t)sent;
	if (guest->start < guest->end)
		return true;
	free(guest->rest);
	guest->rest = NULL;
	watch(epoll, EPOLL_CTL_MOD, guest->fd, EPOLLIN, guest);
	return true;
}

/* Returns false at the end. */
static bool
guest_echo(int epoll, struct guest *guest)
{
	static char bytes[ECHO_BYTES];
	ssize_t got = recv(guest->fd, bytes, sizeof bytes, 0);
	ssize_t sent;

	if (got == -1)
		return errno == EAGAIN;
	if (got == 0)
		return false;
	sent = send(guest->fd, bytes, (size_t)got, MSG_NOSIGNAL);
	if (sent == -1 && errno != EAGAIN)
		return false;
	if (sent == -1)
		sent = 0;
	if (sent < got)
		guest_wait(epoll, guest, bytes + sent, (size_t)(got - sent));
	return true;
}

static void
guest_accept(int epoll, int listener)
{
	int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
	struct guest *guest;
	int on = 1;

	if (fd == -1)
		return;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	guest = get_memory(sizeof *guest);
	guest->fd = fd;
	watch(epoll, EPOLL_CTL_ADD, fd, EPOLLIN, guest);
}

static int
serve(char **words)
{
	struct sockaddr_in address = address_of("0.0.0.0", words[0]);
	struct epoll_event events[EVENTS_AT_A_TIME];
	int listener = open_socket();
	int epoll = epoll_create1(0);
	int count, on = 1;

	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (bind(listener, (struct sockaddr *)&address, sizeof address) == -1 ||
	    listen(listener, 65535) == -1)
		die("listen");
	watch(epoll, EPOLL_CTL_ADD, listener, EPOLLIN, NULL);
	printf("ready\n");
	fflush(stdout);
	do {
		count = epoll_wait(epoll, events, EVENTS_AT_A_TIME, -1);
		for (int i = 0; i < count; i++) {
			struct guest *guest = events[i].data.ptr;

			if (guest == NULL)
				guest_accept(epoll, listener);
			else if (!(guest->rest ? guest_write(epoll, guest)
					       : guest_echo(epoll, guest)))
				guest_end(guest);
		}
	} while (count != -1 || errno == EINTR);
	die("epoll_wait");
	return 1;
}

/* --- rate and hold */

struct visit {
	int fd; /* -1: is over, or has not begun */
	double start_s;
	bool sent;
};

struct crowd {
	/* Set at the start. */
	struct sockaddr_in address;
	size_t at_once;
	/* No new visit after so many, or after that time. */
	size_t most;
	double until_s;
	/* Who is served keeps the connection. */
	bool keeps;

	int epoll;
	struct visit *visits;
	size_t begun, under_way, refused;
	struct samples served;
};

/* Returns the next unused visit: a new one where connections are kept. */
static struct visit *
free_visit(struct crowd *crowd)
{
	size_t i = 0;

	if (crowd->keeps)
		return &crowd->visits[crowd->begun];
	while (crowd->visits[i].fd != -1)
		i++;
	return &crowd->visits[i];
}

static void
begin_visits(struct crowd *crowd)
{
	while (crowd->under_way < crowd->at_once &&
	       crowd->begun < crowd->most && now_s() < crowd->until_s) {
		struct visit *visit = free_visit(crowd);

		visit->fd = open_socket();
		visit->sent = false;
		visit->start_s = now_s();
		crowd->begun++;
		if (connect(visit->fd, (struct sockaddr *)&crowd->address,
			sizeof crowd->address) == -1 &&
		    errno != EINPROGRESS) {
			crowd->refused++;
			close(visit->fd);
			visit->fd = -1;
			continue;
		}
		crowd->under_way++;
		watch(crowd->epoll, EPOLL_CTL_ADD, visit->fd, EPOLLOUT, visit);
	}
}

static void
end_visit(struct crowd *crowd, struct visit *visit, bool is_served)
{
	crowd->under_way--;
	if (is_served)
		samples_add(&crowd->served, now_s() - visit->start_s);
	else
		crowd->refused++;
	if (is_served && crowd->keeps) {
		epoll_ctl(crowd->epoll, EPOLL_CTL_DEL, visit->fd, NULL);
		return;
	}
	close(visit->fd);
	visit->fd = -1;
}

static void
go_on(struct crowd *crowd, struct visit *visit)
{
	char byte = 'x';

	if (visit->sent) {
		if (recv(visit->fd, &byte, 1, 0) == 1)
			end_visit(crowd, visit, true);
		else if (errno != EAGAIN)
			end_visit(crowd, visit, false);
		return;
	}
	if (send(visit->fd, &byte, 1, MSG_NOSIGNAL) != 1) {
		end_visit(crowd, visit, false);
		return;
	}
	visit->sent = true;
	watch(crowd->epoll, EPOLL_CTL_MOD, visit->fd, EPOLLIN, visit);
}

/* Let them come until all have; who is still waiting then, hangs. */
static void
crowd_run(struct crowd *crowd, double patience_s)
{
	double start_s = now_s(), last_s = start_s;
	size_t room = crowd->keeps ? crowd->most : crowd->at_once;

	crowd->epoll = epoll_create1(0);
	crowd->visits = get_memory(room * sizeof *crowd->visits);
	for (size_t i = 0; i < room; i++)
		crowd->visits[i].fd = -1;
	begin_visits(crowd);
	while (crowd->under_way > 0 && now_s() < last_s + patience_s) {
		struct epoll_event events[EVENTS_AT_A_TIME];
		int count =
		    epoll_wait(crowd->epoll, events, EVENTS_AT_A_TIME, 100);

		for (int i = 0; i < count; i++)
			go_on(crowd, events[i].data.ptr);
		if (count > 0)
			last_s = now_s();
		begin_visits(crowd);
	}
	printf("{\"seconds\": %.6f, \"refused\": %zu, \"hanging\": %zu, ",
	    last_s - start_s, crowd->refused, crowd->under_way);
	samples_print(&crowd->served);
	printf("}\n");
	fflush(stdout);
}

static int
rate(char **words)
{
	struct crowd crowd = {
	    .address = address_of(words[0], words[1]),
	    .at_once = (size_t)atoi(words[2]),
	    .most = SIZE_MAX,
	    .until_s = now_s() + atof(words[3]),
	};

	crowd_run(&crowd, PATIENCE_S);
	return 0;
}

static int
hold(char **words)
{
	struct crowd crowd = {
	    .address = address_of(words[0], words[1]),
	    .most = (size_t)atoi(words[2]),
	    .at_once = (size_t)atoi(words[3]),
	    .until_s = 1e300,
	    .keeps = true,
	};

	crowd_run(&crowd, atof(words[4]));
	while (getchar() != EOF)
		continue;
	return 0;
}

/* --- trips */

/* Send size bytes and read as many, both at a time. Returns false at failure. */
static bool
trip(int fd, char *bytes, size_t size)
{
	size_t sent = 0, got = 0;

	while (got < size) {
		struct pollfd slot = {.fd = fd, .events = POLLIN};
		ssize_t moved;

		if (sent < size) {
			moved =
			    send(fd, bytes + sent, size - sent, MSG_NOSIGNAL);
			if (moved == -1 && errno != EAGAIN)
				return false;
			sent += moved > 0 ? (size_t)moved : 0;
		}
		slot.events |= sent < size ? POLLOUT : 0;
		if (poll(&slot, 1, (int)(PATIENCE_S * 1000)) <= 0)
			return false;
		moved = recv(fd, bytes, size - got, 0);
		if (moved == 0 || (moved == -1 && errno != EAGAIN))
			return false;
		got += moved > 0 ? (size_t)moved : 0;
	}
	return true;
}

/* Returns false when the connection failed. */
static bool
trips_of(int fd, char *bytes, size_t size, double seconds, size_t least)
{
	struct samples samples = {.count = 0};
	double end_s;
	bool good = trip(fd, bytes, size); /* the first opens windows */

	end_s = now_s() + seconds;
	while (good && (now_s() < end_s || samples.count < least)) {
		double start_s = now_s();

		good = trip(fd, bytes, size);
		samples_add(&samples, now_s() - start_s);
	}
	printf("{\"size\": %zu, \"good\": %s, ", size, good ? "true" : "false");
	samples_print(&samples);
	printf("}");
	free(samples.values);
	return good;
}

static int
trips(char **words)
{
	struct sockaddr_in address = address_of(words[0], words[1]);
	char *bytes = get_memory(TRIP_MOST);

	printf("[");
	for (char **size = words + 4; *size != NULL; size++) {
		int fd = open_socket();
		struct pollfd slot = {.fd = fd, .events = POLLOUT};

		connect(fd, (struct sockaddr *)&address, sizeof address);
		poll(&slot, 1, (int)(PATIENCE_S * 1000));
		printf("%s", size == words + 4 ? "" : ", ");
		trips_of(fd, bytes, (size_t)atoi(*size), atof(words[2]),
		    (size_t)atoi(words[3]));
		close(fd);
	}
	printf("]\n");
	free(bytes);
	return 0;
}

static const struct {
	const char *name;
	int least_words;
	int (*run)(char **words);
} commands[] = {{"serve", 1, serve}, {"rate", 4, rate}, {"hold", 5, hold},
    {"trips", 5, trips}};

int
main(int argc, char **argv)
{
	struct rlimit limit;

	signal(SIGPIPE, SIG_IGN);
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
	for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
		if (argc >= 2 + commands[i].least_words &&
		    strcmp(argv[1], commands[i].name) == 0)
			return commands[i].run(argv + 2);
	fprintf(stderr, "load: see the head of load.c\n");
	return 2;
}
