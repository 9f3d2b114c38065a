// SPDX-License-Identifier: Apache-2.0
// What the processor can be told about memory, and Swift cannot say.
#ifndef MIDWATCH_CLINUX_MEMORY_H
#define MIDWATCH_CLINUX_MEMORY_H

/// Asks for the cache line at `address` and waits for nothing; an address that is nobody's does no
/// harm.
static inline void clinux_prefetch(const void *address) { __builtin_prefetch(address); }

#endif
