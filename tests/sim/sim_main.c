/* sim_main - see sim_main.h */
#include "sim_main.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sim.h"

#define TOLD_MOST 20

/* Play count scenarios from a seed on, and tell those that fail. Returns how many
 * do. */
static unsigned
play_many(const struct sim_program *program, uint64_t seed, uint64_t number)
{
	unsigned bad = 0;

	for (uint64_t i = 0; i < number; i++)
		if (!program->play(seed + i, false) && ++bad <= TOLD_MOST) {
			printf("# seed %" PRIu64 ": %s\n", seed + i, world.why);
			if (bad == 1)
				program->play(seed + i, true);
			fflush(stdout);
		}
	return bad;
}

/* The same, shared among processes. Returns whether none fails. */
static bool
play_shared(const struct sim_program *program, uint64_t seed, uint64_t number,
    unsigned jobs)
{
	uint64_t share = (number + jobs - 1) / jobs;
	bool good = true;
	int status;

	fflush(stdout);
	for (unsigned i = 0; i < jobs; i++)
		if (fork() == 0)
			_exit(play_many(program, seed + i * share, share) > 0);
	while (wait(&status) > 0)
		good = good && status == 0;
	return good;
}

/* Play the seeds that are kept, because they have failed once: a number a line,
 * and what it was behind a #. */
static bool
play_kept(const struct sim_program *program, unsigned *case_number)
{
	const char *top = getenv("top_srcdir");
	char path[4096], line[512];
	bool good = true;
	FILE *file;

	snprintf(path, sizeof path, "%s%s", top ? top : ".", program->seeds);
	file = fopen(path, "re");
	if (file == NULL) {
		printf("not ok - %s: %s\n", path, strerror(errno));
		return false;
	}
	while (fgets(line, sizeof line, file) != NULL) {
		char *end;
		uint64_t seed = strtoull(line, &end, 10);
		bool is_good;

		if (end == line)
			continue;
		line[strcspn(line, "\n")] = '\0';
		is_good = program->play(seed, false);
		printf("%s %u - seed %" PRIu64 "%s\n",
		    is_good ? "ok" : "not ok", ++*case_number, seed, end);
		if (!is_good)
			program->play(seed, true);
		good = good && is_good;
	}
	fclose(file);
	return good;
}

static int
usage(const struct sim_program *program)
{
	fprintf(stderr,
	    "usage: %s [--seed N] [--count N] [--jobs N] [--story]\n",
	    program->name);
	return 2;
}

int
sim_main(const struct sim_program *program, int argc, char **argv)
{
	uint64_t seed = 1, number = program->count;
	unsigned jobs = 1, case_number = 0;
	bool has_seed = false, has_count = false, good = true;

	for (int i = 1; i < argc; i += 2) {
		const char *value = i + 1 < argc ? argv[i + 1] : NULL;

		if (strcmp(argv[i], "--story") == 0) {
			program->play(seed, true);
			printf("# %s\n", world.failed ? world.why : "good");
			return world.failed;
		}
		if (value == NULL)
			return usage(program);
		if (strcmp(argv[i], "--seed") == 0) {
			seed = strtoull(value, NULL, 10);
			has_seed = true;
		} else if (strcmp(argv[i], "--count") == 0) {
			number = strtoull(value, NULL, 10);
			has_count = true;
		} else if (strcmp(argv[i], "--jobs") == 0) {
			jobs = (unsigned)strtoul(value, NULL, 10);
		} else {
			return usage(program);
		}
	}
	if (has_seed && !has_count)
		number = 1;
	if (jobs == 0)
		return usage(program);
	if (!has_seed)
		good = play_kept(program, &case_number);
	if (jobs > 1) {
		good = play_shared(program, seed, number, jobs) && good;
	} else if (play_many(program, seed, number) > 0) {
		good = false;
	}
	printf("%s %u - scenarios: %" PRIu64 ", from seed %" PRIu64 "\n",
	    good ? "ok" : "not ok", ++case_number, number, seed);
	printf("1..%u\n", case_number);
	return !good;
}
