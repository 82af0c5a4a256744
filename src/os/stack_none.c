/* stack for systems where it is left alone - see stack.h */
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
