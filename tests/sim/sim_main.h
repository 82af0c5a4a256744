/* sim_main - the command line of a simulation: which scenarios are played, and
 * what is told of those that fail. */
#ifndef REBORE_TESTS_SIM_MAIN_H
#define REBORE_TESTS_SIM_MAIN_H

#include <stdbool.h>
#include <stdint.h>

struct sim_program {
	const char *name;
	/* The file of kept seeds, below top_srcdir. */
	const char *seeds;
	/* As many as make check has time for. */
	uint64_t count;
	/* Play one, and tell it step by step or not. Returns whether nothing was
	 * broken; else world.why says what. */
	bool (*play)(uint64_t seed, bool tells);
};

/* Returns what main() does. */
int sim_main(const struct sim_program *program, int argc, char **argv);

#endif
