/* pipes for systems that do not splice - see pipes.h */
#include "relay/pipes.h"

void
pipes_limit(uint64_t bytes)
{
	(void)bytes;
}

enum error
pipes_borrow(struct pipe_ends *ends)
{
	*ends = (struct pipe_ends)PIPE_ENDS_INITIALIZER;
	return ERROR_RESOURCES;
}

void
pipes_return(struct pipe_ends *ends, bool empty)
{
	(void)ends;
	(void)empty;
}

void
pipes_charge(struct budget *budget)
{
	(void)budget;
}

void
pipes_shed(void)
{
}

void
pipes_tidy(void)
{
}
