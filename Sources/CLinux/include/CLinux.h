// SPDX-License-Identifier: Apache-2.0
// What Swift's Glibc module does not show, and nothing else. `_GNU_SOURCE` stays in the .c files:
// the Glibc module is built without it.
#ifndef MIDWATCH_CLINUX_H
#define MIDWATCH_CLINUX_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "CLinuxWatch.h"
#include "CLinuxFile.h"
#include "CLinuxUDP.h"
#include "CLinuxFleet.h"
#include "CLinuxChildren.h"
#include "CLinuxDoctor.h"
#include "CLinuxMemory.h"
#include "CLinuxVia.h"

/// Sleeps while `*word == expected`, at most `timeout_ns` (UINT64_MAX: no limit).
/// Returns 0 or an errno value: EAGAIN (the word differs), ETIMEDOUT, EINTR.
int clinux_futex_wait(const uint32_t *word, uint32_t expected, uint64_t timeout_ns);

/// Wakes at most `count` sleepers on `word`.
void clinux_futex_wake(const uint32_t *word, int count);

/// Timer slack of the calling thread (PR_SET_TIMERSLACK).
void clinux_set_timer_slack(uint64_t nanoseconds);

/// Name of the calling thread as tools show it, at most 15 bytes.
void clinux_set_thread_name(const char *name);

/// CRC-32C (Castagnoli, RFC 3720 B.4) of `count` bytes, going on from `crc` (0 to begin).
uint32_t clinux_crc32c(uint32_t crc, const void *bytes, size_t count);

/// The same by table, for processors without the instruction and to test the fast path against.
uint32_t clinux_crc32c_portable(uint32_t crc, const void *bytes, size_t count);

/// Nanoseconds of CLOCK_BOOTTIME.
static inline uint64_t clinux_boottime_ns(void) {
    struct timespec now;
    clock_gettime(7, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/// Nanoseconds of CLOCK_REALTIME since 1970.
static inline int64_t clinux_realtime_ns(void) {
    struct timespec now;
    clock_gettime(0, &now);
    return (int64_t)now.tv_sec * 1000000000 + (int64_t)now.tv_nsec;
}

#include "CLinuxTerminal.h"

#endif
