// SPDX-License-Identifier: Apache-2.0
// Processes, signals and the hardware watchdog: what the supervision of one process by another
// needs and Swift's Glibc module does not show. Every function that returns int returns a
// descriptor or 0 on success and a negated errno value on failure.
#ifndef MIDWATCH_CLINUX_WATCH_H
#define MIDWATCH_CLINUX_WATCH_H

#include <stddef.h>
#include <stdint.h>

/// Descriptor that becomes readable when process `pid` ends (pidfd_open(2)); close-on-exec.
int clinux_pidfd_open(int32_t pid);

/// Sends `signal` to the process behind `pidfd`: never to another one that got its number.
int clinux_pidfd_send_signal(int pidfd, int signal);

/// Reaps the child behind `pidfd`. Returns 0 and its exit status (or 128 + signal) in `status`;
/// -EAGAIN while it runs.
int clinux_pidfd_reap(int pidfd, int *status);

/// Blocks `signals` in the calling thread and those it makes later; returns a non-blocking
/// descriptor that delivers them.
int clinux_signalfd(const int *signals, size_t count);

/// Next signal waiting on a descriptor of `clinux_signalfd`; 0 if none.
int clinux_signalfd_read(int fd);

/// Pipe whose ends are close-on-exec.
int clinux_pipe(int ends[2]);

/// Makes `fd` non-blocking.
int clinux_set_nonblocking(int fd);

/// Starts `arguments[0]` (looked up in PATH) with an empty signal mask and default dispositions.
///
/// `input` becomes standard input and `output` standard output and error; -1 leaves /dev/null for
/// input and the caller's own for output. The child leads a process group of its own, or a session
/// of its own if `new_session` is set. Returns a pidfd and the process number in `pid`.
int clinux_spawn(char *const arguments[], int input, int output, int new_session, int32_t *pid);

/// Connects a non-blocking TCP socket to `address`. Returns it at once; the connection completes
/// or fails later (poll for writing, then `clinux_socket_error`).
int clinux_tcp_begin(const void *address, uint32_t address_bytes, int family);

/// Pending error of a socket (SO_ERROR), as errno; 0 if none.
int clinux_socket_error(int fd);

/// A non-blocking UDP socket, IPv4.
int clinux_udp_socket(void);

/// Sends `bytes` to 127.0.0.1:`port`.
int clinux_udp_send_loopback(int fd, uint16_t port, const void *bytes, size_t count);

/// A non-blocking AF_UNIX datagram socket.
int clinux_unix_datagram_socket(void);

/// Sends one datagram to the AF_UNIX address `path`; a leading `@` means the abstract namespace.
int clinux_unix_send(int fd, const char *path, size_t path_bytes, const void *bytes, size_t count);

/// Whether `fd` is a socket that listens (1), a socket that does not (0), or no socket (-errno).
int clinux_socket_accepts(int fd);

/// Moves the calling thread to SCHED_FIFO; threads and processes it makes start as ordinary ones.
int clinux_set_fifo(int priority);

/// Keeps the pages that are in use now in memory. -EPERM if RLIMIT_MEMLOCK is limited, because a
/// limited lock would make later allocations fail.
int clinux_lock_memory(void);

/// WDIOC_SETTIMEOUT; `seconds` receives what the device took.
int clinux_watchdog_set_timeout(int fd, int *seconds);

/// WDIOC_KEEPALIVE.
int clinux_watchdog_keep_alive(int fd);

/// WDIOC_GETBOOTSTATUS; bit 0x20 (WDIOF_CARDRESET) says the device caused the last boot.
int clinux_watchdog_boot_status(int fd, int *flags);

#endif
