// SPDX-License-Identifier: Apache-2.0
// Sending many datagrams with one system call, for load generators.
#ifndef MIDWATCH_CLINUX_FLEET_H
#define MIDWATCH_CLINUX_FLEET_H

#include <stddef.h>
#include <stdint.h>

/// Datagrams one call sends at most: the kernel's UDP_MAX_SEGMENTS of 64, and sendmmsg by choice.
#define CLINUX_UDP_SEND_MAX 64

/// Sends `count` bytes on the connected socket `fd` as datagrams of `segment_bytes` each (the last
/// may be shorter) by generic segmentation offload (UDP_SEGMENT, Linux 4.18).
/// At most CLINUX_UDP_SEND_MAX datagrams and 65,507 bytes.
/// Returns 0 or an errno value; all datagrams go or none.
int clinux_fleet_gso_send(int fd, const void *bytes, size_t count, uint16_t segment_bytes);

/// The same with sendmmsg, one message a datagram. `sent` receives how many datagrams went.
/// Returns 0 or the errno value that stopped it.
int clinux_udp_many_send(int fd, const void *bytes, size_t count, uint16_t segment_bytes,
                         uint32_t *sent);

/// What happened on a watched socket.
struct clinux_fleet_event {
    /// As given to clinux_fleet_watch.
    uint64_t tag;
    /// Bytes, an end or an error can be read.
    uint8_t readable;
    uint8_t writable;
};

/// A new epoll instance, or a negative errno value.
int clinux_fleet_epoll(void);

/// Watches `fd` for input, and for room to write if `writable`; `add` is 1 the first time.
/// Closing the socket ends the watch. Returns 0 or an errno value.
int clinux_fleet_watch(int epoll, int fd, uint64_t tag, int add, int writable);

/// Waits at most `timeout_ns` and gives the number of events written, at most `capacity`.
int clinux_fleet_wait(int epoll, uint64_t timeout_ns, struct clinux_fleet_event *events,
                      int capacity);

#endif
