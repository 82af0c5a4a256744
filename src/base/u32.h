/*
 * u32 - the smaller and the larger of two numbers of 32 bits. Pure.
 */
#ifndef REBORE_BASE_U32_H
#define REBORE_BASE_U32_H

#include <stdint.h>

static inline uint32_t
u32_min(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

static inline uint32_t
u32_max(uint32_t a, uint32_t b)
{
	return a > b ? a : b;
}

#endif
