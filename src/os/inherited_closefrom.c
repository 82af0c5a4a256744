/* inherited over closefrom(3) - see inherited.h */
#include <unistd.h>

#include "os/inherited.h"

void
inherited_close(int first)
{
	closefrom(first);
}
