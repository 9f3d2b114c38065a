// SPDX-License-Identifier: Apache-2.0
// UDP as Linux has it: batches, kernel time stamps, drop counts, segmentation offload.
#ifndef MIDWATCH_CLINUX_UDP_H
#define MIDWATCH_CLINUX_UDP_H

#include <stddef.h>
#include <stdint.h>

/// One datagram of a batch, valid until the next receive.
typedef struct clinux_udp_datagram {
    const uint8_t *bytes;
    /// Bytes of the datagram that are in `bytes`.
    uint32_t length;
    /// Not 0: the datagram was longer than the buffer, its end is lost.
    uint32_t is_truncated;
    /// Kernel receive time, CLOCK_REALTIME nanoseconds; 0 if the kernel gave none.
    int64_t stamp_ns;
    /// Datagrams the socket dropped since it was made; valid if `has_drops`.
    uint32_t drops;
    uint32_t has_drops;
    /// Sender: an IPv6 address in network order, IPv4 mapped (::ffff:a.b.c.d), as two host words.
    uint64_t address_high;
    uint64_t address_low;
    uint32_t port;
    uint32_t reserved;
} clinux_udp_datagram;

typedef struct clinux_udp_receiver clinux_udp_receiver;

/// Memory for batches of `batch` datagrams of at most `datagram_bytes_max` bytes; NULL: no memory.
clinux_udp_receiver *clinux_udp_receiver_new(uint32_t batch, uint32_t datagram_bytes_max);
void clinux_udp_receiver_free(clinux_udp_receiver *receiver);

/// Reads what is queued, without waiting. Returns how many datagrams (0: none) or -errno.
int clinux_udp_receive(clinux_udp_receiver *receiver, int fd);

/// The datagrams of the last receive.
const clinux_udp_datagram *clinux_udp_datagrams(const clinux_udp_receiver *receiver);

/// A non-blocking bound socket with time stamps and drop counts on. `address` is numeric; "::" also
/// takes IPv4. Returns the descriptor or -errno.
int clinux_udp_bind(const char *address, uint16_t port);

/// A blocking socket connected to a numeric address. Returns the descriptor or -errno.
int clinux_udp_connect(const char *address, uint16_t port);

/// Asks for a receive buffer, beyond net.core.rmem_max if the process may. Returns the bytes granted
/// (as asked for, the kernel's doubling taken out) or -errno.
int clinux_udp_set_receive_buffer(int fd, uint32_t bytes);

/// Local port, or -errno.
int clinux_udp_local_port(int fd);

/// Datagrams the socket dropped since it was made (SO_MEMINFO), or -errno.
int64_t clinux_udp_drops(int fd);

/// Waits until `fd` or `wake_fd` is readable. Returns 0 on timeout, 1 if only `fd` is, 2 or 3 if
/// `wake_fd` is, or -errno.
int clinux_udp_wait(int fd, int wake_fd, int timeout_ms);

/// An eventfd to end a wait with, or -errno.
int clinux_wake_new(void);
void clinux_wake_signal(int fd);

/// Sleeps, at most a second; may end early.
void clinux_nap(uint64_t nanoseconds);

/// Text form of an address as `clinux_udp_datagram` holds it; `text` takes 46 bytes.
void clinux_udp_address_text(uint64_t high, uint64_t low, char *text);

/// Sends `count` bytes as datagrams of `segment_bytes` (the last may be shorter), at most 64 of them
/// and 65,507 bytes, in one call (UDP_SEGMENT). Returns the bytes sent or -errno.
int64_t clinux_udp_gso_send(int fd, const void *bytes, size_t count, uint16_t segment_bytes);

#endif
