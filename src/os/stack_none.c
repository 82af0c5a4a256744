/* stack for systems where nothing is given back - see stack.h */
#include "os/stack.h"

void
stack_begin(void *lowest)
{
	(void)lowest;
}

void
stack_trim(void)
{
}
