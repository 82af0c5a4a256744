/* stack_trim for systems where nothing is given back - see stack_trim.h */
#include "os/stack_trim.h"

void
stack_trim_begin(void *lowest)
{
	(void)lowest;
}

void
stack_trim(void)
{
}
