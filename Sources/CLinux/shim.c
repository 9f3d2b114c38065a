// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <linux/futex.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

int clinux_futex_wait(const uint32_t *word, uint32_t expected, uint64_t timeout_ns) {
    struct timespec timeout = {
        .tv_sec = (time_t)(timeout_ns / 1000000000u), .tv_nsec = (long)(timeout_ns % 1000000000u)};
    long rc = syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, expected,
                      timeout_ns == UINT64_MAX ? NULL : &timeout, NULL, 0);
    return rc == 0 ? 0 : errno;
}

void clinux_futex_wake(const uint32_t *word, int count) {
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, count, NULL, NULL, 0);
}

void clinux_set_timer_slack(uint64_t nanoseconds) { prctl(PR_SET_TIMERSLACK, nanoseconds); }

void clinux_set_thread_name(const char *name) { prctl(PR_SET_NAME, name); }

#if defined(__x86_64__)
#include <nmmintrin.h>

__attribute__((target("sse4.2"))) static uint32_t crc32c_hardware(uint32_t crc, const uint8_t *p,
                                                                  size_t n) {
    uint64_t c = ~crc;
    while (n >= 8) {
        uint64_t word;
        __builtin_memcpy(&word, p, 8);
        c = _mm_crc32_u64(c, word);
        p += 8;
        n -= 8;
    }
    while (n--) c = _mm_crc32_u8((uint32_t)c, *p++);
    return ~(uint32_t)c;
}
#endif

static uint32_t crc32c_table[256];
static _Atomic int crc32c_table_ready;

static uint32_t crc32c_portable(uint32_t crc, const uint8_t *p, size_t n) {
    if (!atomic_load_explicit(&crc32c_table_ready, memory_order_acquire)) {
        // Every thread that races here writes the same values.
        for (uint32_t i = 0; i < 256; i++) {
            uint32_t c = i;
            for (int k = 0; k < 8; k++) c = c & 1 ? c >> 1 ^ 0x82F63B78u : c >> 1;
            crc32c_table[i] = c;
        }
        atomic_store_explicit(&crc32c_table_ready, 1, memory_order_release);
    }
    crc = ~crc;
    while (n--) crc = crc32c_table[(crc ^ *p++) & 255] ^ crc >> 8;
    return ~crc;
}

uint32_t clinux_crc32c_portable(uint32_t crc, const void *bytes, size_t count) {
    return crc32c_portable(crc, bytes, count);
}

uint32_t clinux_crc32c(uint32_t crc, const void *bytes, size_t count) {
#if defined(__x86_64__)
    if (__builtin_cpu_supports("sse4.2")) return crc32c_hardware(crc, bytes, count);
#endif
    return crc32c_portable(crc, bytes, count);
}
